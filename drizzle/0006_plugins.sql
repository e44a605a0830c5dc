CREATE TABLE "sys_plugin_migration" (
	"plugin" varchar(32) NOT NULL,
	"name" varchar(128) NOT NULL,
	"hash" varchar(64) NOT NULL,
	"applied_time" timestamp with time zone NOT NULL,
	CONSTRAINT "sys_plugin_migration_plugin_name_pk" PRIMARY KEY("plugin","name")
);
--> statement-breakpoint
CREATE TABLE "sys_plugin_set" (
	"id" integer PRIMARY KEY NOT NULL,
	"version" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "sys_plugin_task_slot" (
	"task" varchar(160) NOT NULL,
	"due_time" timestamp with time zone NOT NULL,
	"process_id" uuid NOT NULL,
	CONSTRAINT "sys_plugin_task_slot_task_due_time_pk" PRIMARY KEY("task","due_time")
);
--> statement-breakpoint
CREATE TABLE "sys_plugin" (
	"name" varchar(32) PRIMARY KEY NOT NULL,
	"version" varchar(32) NOT NULL,
	"source" varchar(16) NOT NULL,
	"enabled" boolean NOT NULL,
	"manifest" jsonb NOT NULL,
	"digest" varchar(64),
	"archive" "bytea",
	"routes" jsonb DEFAULT '[]'::jsonb NOT NULL,
	"menu_names" jsonb DEFAULT '[]'::jsonb NOT NULL,
	"installed_time" timestamp with time zone NOT NULL,
	"updated_time" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "sys_process" (
	"process_id" uuid PRIMARY KEY NOT NULL,
	"host" varchar(255) NOT NULL,
	"pid" integer NOT NULL,
	"started_time" timestamp with time zone NOT NULL,
	"heartbeat_time" timestamp with time zone NOT NULL,
	"set_version" bigint,
	"set_error" text
);
--> statement-breakpoint
CREATE INDEX "ix_sys_plugin_task_slot_due_time" ON "sys_plugin_task_slot" USING btree ("due_time");--> statement-breakpoint
INSERT INTO "sys_plugin_set" ("id", "version") VALUES (1, 1);

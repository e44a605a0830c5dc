CREATE TABLE "sys_data_rule" (
	"id" bigserial PRIMARY KEY NOT NULL,
	"name" varchar(512) NOT NULL,
	"model" varchar(64) NOT NULL,
	"column" varchar(32) NOT NULL,
	"operator" integer NOT NULL,
	"expression" integer NOT NULL,
	"value" varchar(256) NOT NULL,
	"created_time" timestamp with time zone NOT NULL,
	"updated_time" timestamp with time zone,
	CONSTRAINT "sys_data_rule_name_key" UNIQUE("name")
);
--> statement-breakpoint
CREATE TABLE "sys_data_scope_rule" (
	"id" bigserial NOT NULL,
	"data_scope_id" bigint NOT NULL,
	"data_rule_id" bigint NOT NULL,
	CONSTRAINT "sys_data_scope_rule_pkey" PRIMARY KEY("id","data_scope_id","data_rule_id")
);
--> statement-breakpoint
CREATE TABLE "sys_data_scope" (
	"id" bigserial PRIMARY KEY NOT NULL,
	"name" varchar(64) NOT NULL,
	"status" integer NOT NULL,
	"created_time" timestamp with time zone NOT NULL,
	"updated_time" timestamp with time zone,
	CONSTRAINT "sys_data_scope_name_key" UNIQUE("name")
);
--> statement-breakpoint
CREATE TABLE "sys_dept" (
	"id" bigserial PRIMARY KEY NOT NULL,
	"name" varchar(64) NOT NULL,
	"sort" integer NOT NULL,
	"leader" varchar(32),
	"phone" varchar(11),
	"email" varchar(64),
	"status" integer NOT NULL,
	"del_flag" boolean NOT NULL,
	"parent_id" bigint,
	"created_time" timestamp with time zone NOT NULL,
	"updated_time" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "sys_login_log" (
	"id" bigserial PRIMARY KEY NOT NULL,
	"user_uuid" varchar(64) NOT NULL,
	"username" varchar(64) NOT NULL,
	"status" integer NOT NULL,
	"ip" varchar(64) NOT NULL,
	"country" varchar(64),
	"region" varchar(64),
	"city" varchar(64),
	"user_agent" varchar(512),
	"os" varchar(64),
	"browser" varchar(64),
	"device" varchar(64),
	"msg" text NOT NULL,
	"login_time" timestamp with time zone NOT NULL,
	"created_time" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "sys_menu" (
	"id" bigserial PRIMARY KEY NOT NULL,
	"title" varchar(64) NOT NULL,
	"name" varchar(64) NOT NULL,
	"path" varchar(200),
	"sort" integer NOT NULL,
	"icon" varchar(128),
	"type" integer NOT NULL,
	"component" varchar(256),
	"perms" varchar(128),
	"status" integer NOT NULL,
	"display" integer NOT NULL,
	"cache" integer NOT NULL,
	"link" text,
	"remark" text,
	"parent_id" bigint,
	"created_time" timestamp with time zone NOT NULL,
	"updated_time" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "sys_opera_log" (
	"id" bigserial PRIMARY KEY NOT NULL,
	"trace_id" varchar(32) NOT NULL,
	"username" varchar(64),
	"method" varchar(32) NOT NULL,
	"title" varchar(256) NOT NULL,
	"path" varchar(512) NOT NULL,
	"ip" varchar(64) NOT NULL,
	"country" varchar(64),
	"region" varchar(64),
	"city" varchar(64),
	"user_agent" varchar(512),
	"os" varchar(64),
	"browser" varchar(64),
	"device" varchar(64),
	"args" json,
	"status" integer NOT NULL,
	"code" varchar(32) NOT NULL,
	"msg" text,
	"cost_time" double precision NOT NULL,
	"opera_time" timestamp with time zone NOT NULL,
	"created_time" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "sys_role_data_scope" (
	"id" bigserial NOT NULL,
	"role_id" bigint NOT NULL,
	"data_scope_id" bigint NOT NULL,
	CONSTRAINT "sys_role_data_scope_pkey" PRIMARY KEY("id","role_id","data_scope_id")
);
--> statement-breakpoint
CREATE TABLE "sys_role_menu" (
	"id" bigserial NOT NULL,
	"role_id" bigint NOT NULL,
	"menu_id" bigint NOT NULL,
	CONSTRAINT "sys_role_menu_pkey" PRIMARY KEY("id","role_id","menu_id")
);
--> statement-breakpoint
CREATE TABLE "sys_role" (
	"id" bigserial PRIMARY KEY NOT NULL,
	"name" varchar(32) NOT NULL,
	"status" integer NOT NULL,
	"is_filter_scopes" boolean NOT NULL,
	"remark" text,
	"created_time" timestamp with time zone NOT NULL,
	"updated_time" timestamp with time zone,
	CONSTRAINT "sys_role_name_key" UNIQUE("name")
);
--> statement-breakpoint
CREATE TABLE "sys_user_password_history" (
	"id" bigserial PRIMARY KEY NOT NULL,
	"user_id" bigint NOT NULL,
	"password" varchar(256) NOT NULL,
	"created_time" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "sys_user_role" (
	"id" bigserial NOT NULL,
	"user_id" bigint NOT NULL,
	"role_id" bigint NOT NULL,
	CONSTRAINT "sys_user_role_pkey" PRIMARY KEY("id","user_id","role_id")
);
--> statement-breakpoint
CREATE TABLE "sys_user" (
	"id" bigserial PRIMARY KEY NOT NULL,
	"uuid" varchar(64) NOT NULL,
	"username" varchar(64) NOT NULL,
	"nickname" varchar(64) NOT NULL,
	"password" varchar(256),
	"salt" "bytea",
	"email" varchar(256),
	"phone" varchar(11),
	"avatar" varchar(256),
	"status" integer NOT NULL,
	"is_superuser" boolean NOT NULL,
	"is_staff" boolean NOT NULL,
	"is_multi_login" boolean NOT NULL,
	"join_time" timestamp with time zone NOT NULL,
	"last_login_time" timestamp with time zone,
	"last_password_changed_time" timestamp with time zone,
	"dept_id" bigint,
	"created_time" timestamp with time zone NOT NULL,
	"updated_time" timestamp with time zone,
	CONSTRAINT "sys_user_uuid_key" UNIQUE("uuid")
);
--> statement-breakpoint
CREATE UNIQUE INDEX "ix_sys_data_rule_id" ON "sys_data_rule" USING btree ("id");--> statement-breakpoint
CREATE UNIQUE INDEX "ix_sys_data_scope_rule_id" ON "sys_data_scope_rule" USING btree ("id");--> statement-breakpoint
CREATE UNIQUE INDEX "ix_sys_data_scope_id" ON "sys_data_scope" USING btree ("id");--> statement-breakpoint
CREATE UNIQUE INDEX "ix_sys_dept_id" ON "sys_dept" USING btree ("id");--> statement-breakpoint
CREATE INDEX "ix_sys_dept_parent_id" ON "sys_dept" USING btree ("parent_id");--> statement-breakpoint
CREATE UNIQUE INDEX "ix_sys_login_log_id" ON "sys_login_log" USING btree ("id");--> statement-breakpoint
CREATE UNIQUE INDEX "ix_sys_menu_id" ON "sys_menu" USING btree ("id");--> statement-breakpoint
CREATE INDEX "ix_sys_menu_parent_id" ON "sys_menu" USING btree ("parent_id");--> statement-breakpoint
CREATE UNIQUE INDEX "ix_sys_opera_log_id" ON "sys_opera_log" USING btree ("id");--> statement-breakpoint
CREATE UNIQUE INDEX "ix_sys_role_data_scope_id" ON "sys_role_data_scope" USING btree ("id");--> statement-breakpoint
CREATE UNIQUE INDEX "ix_sys_role_menu_id" ON "sys_role_menu" USING btree ("id");--> statement-breakpoint
CREATE UNIQUE INDEX "ix_sys_role_id" ON "sys_role" USING btree ("id");--> statement-breakpoint
CREATE UNIQUE INDEX "ix_sys_user_password_history_id" ON "sys_user_password_history" USING btree ("id");--> statement-breakpoint
CREATE INDEX "ix_sys_user_password_history_user_id" ON "sys_user_password_history" USING btree ("user_id");--> statement-breakpoint
CREATE UNIQUE INDEX "ix_sys_user_role_id" ON "sys_user_role" USING btree ("id");--> statement-breakpoint
CREATE UNIQUE INDEX "ix_sys_user_id" ON "sys_user" USING btree ("id");--> statement-breakpoint
CREATE UNIQUE INDEX "ix_sys_user_username" ON "sys_user" USING btree ("username");--> statement-breakpoint
CREATE UNIQUE INDEX "ix_sys_user_email" ON "sys_user" USING btree ("email");--> statement-breakpoint
CREATE INDEX "ix_sys_user_status" ON "sys_user" USING btree ("status");
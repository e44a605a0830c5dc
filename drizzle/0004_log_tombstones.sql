CREATE TABLE "sys_log_tombstone" (
	"id" bigserial PRIMARY KEY NOT NULL,
	"log" varchar(16) NOT NULL,
	"action" varchar(16) NOT NULL,
	"removed_count" integer NOT NULL,
	"oldest_time" timestamp with time zone,
	"newest_time" timestamp with time zone,
	"user_id" bigint NOT NULL,
	"username" varchar(64) NOT NULL,
	"ip" varchar(64) NOT NULL,
	"trace_id" varchar(64) NOT NULL,
	"created_time" timestamp with time zone NOT NULL
);

CREATE TABLE "sys_audit_removal" (
	"id" bigserial PRIMARY KEY NOT NULL,
	"stream" uuid NOT NULL,
	"from_seq" bigint NOT NULL,
	"to_seq" bigint NOT NULL,
	"prev_hash" varchar(64) NOT NULL,
	"hash" varchar(64) NOT NULL,
	"reason" varchar(16) NOT NULL,
	"username" varchar(64) NOT NULL,
	"trace_id" varchar(64) NOT NULL,
	"created_time" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "sys_audit_stream" (
	"stream" uuid PRIMARY KEY NOT NULL,
	"stored_seq" bigint NOT NULL,
	"stored_hash" varchar(64) NOT NULL,
	"created_time" timestamp with time zone NOT NULL,
	"updated_time" timestamp with time zone
);
--> statement-breakpoint
DROP INDEX "ix_sys_opera_log_username";--> statement-breakpoint
ALTER TABLE "sys_opera_log" ALTER COLUMN "trace_id" SET DATA TYPE varchar(64);--> statement-breakpoint
ALTER TABLE "sys_opera_log" ADD COLUMN "stream" uuid;--> statement-breakpoint
ALTER TABLE "sys_opera_log" ADD COLUMN "seq" bigint;--> statement-breakpoint
ALTER TABLE "sys_opera_log" ADD COLUMN "prev_hash" varchar(64);--> statement-breakpoint
ALTER TABLE "sys_opera_log" ADD COLUMN "hash" varchar(64);--> statement-breakpoint
ALTER TABLE "sys_opera_log" ADD COLUMN "diff" json;--> statement-breakpoint
CREATE INDEX "ix_sys_audit_removal_stream" ON "sys_audit_removal" USING btree ("stream","from_seq");--> statement-breakpoint
CREATE INDEX "ix_sys_opera_log_username_time" ON "sys_opera_log" USING btree ("username","opera_time","id");--> statement-breakpoint
CREATE INDEX "ix_sys_opera_log_ip" ON "sys_opera_log" USING btree ("ip" varchar_pattern_ops);--> statement-breakpoint
CREATE INDEX "ix_sys_opera_log_failed" ON "sys_opera_log" USING btree ("opera_time","id") WHERE status = 0;--> statement-breakpoint
CREATE UNIQUE INDEX "ix_sys_opera_log_stream" ON "sys_opera_log" USING btree ("stream","seq") WHERE stream is not null;
CREATE TABLE "sys_session" (
	"session_uuid" varchar(64) PRIMARY KEY NOT NULL,
	"user_id" bigint NOT NULL,
	"refresh_hash" varchar(64) NOT NULL,
	"previous_refresh_hash" varchar(64),
	"refreshed_time" timestamp with time zone,
	"ip" varchar(64) NOT NULL,
	"user_agent" varchar(512),
	"os" varchar(64),
	"browser" varchar(64),
	"device" varchar(64),
	"created_time" timestamp with time zone NOT NULL,
	"last_active_time" timestamp with time zone NOT NULL,
	"expire_time" timestamp with time zone NOT NULL,
	"ended_time" timestamp with time zone,
	"ended_reason" varchar(32)
);
--> statement-breakpoint
CREATE INDEX "ix_sys_session_user_id" ON "sys_session" USING btree ("user_id");--> statement-breakpoint
CREATE INDEX "ix_sys_session_last_active_time" ON "sys_session" USING btree ("last_active_time" DESC NULLS FIRST,"session_uuid") WHERE "sys_session"."ended_time" is null;--> statement-breakpoint
CREATE INDEX "ix_sys_data_scope_rule_data_scope_id" ON "sys_data_scope_rule" USING btree ("data_scope_id");--> statement-breakpoint
CREATE INDEX "ix_sys_data_scope_rule_data_rule_id" ON "sys_data_scope_rule" USING btree ("data_rule_id");--> statement-breakpoint
CREATE INDEX "ix_sys_login_log_login_time" ON "sys_login_log" USING btree ("login_time","id");--> statement-breakpoint
CREATE INDEX "ix_sys_login_log_username" ON "sys_login_log" USING btree ("username");--> statement-breakpoint
CREATE INDEX "ix_sys_opera_log_opera_time" ON "sys_opera_log" USING btree ("opera_time","id");--> statement-breakpoint
CREATE INDEX "ix_sys_opera_log_username" ON "sys_opera_log" USING btree ("username");--> statement-breakpoint
CREATE INDEX "ix_sys_role_data_scope_role_id" ON "sys_role_data_scope" USING btree ("role_id");--> statement-breakpoint
CREATE INDEX "ix_sys_role_data_scope_data_scope_id" ON "sys_role_data_scope" USING btree ("data_scope_id");--> statement-breakpoint
CREATE INDEX "ix_sys_role_menu_role_id" ON "sys_role_menu" USING btree ("role_id");--> statement-breakpoint
CREATE INDEX "ix_sys_role_menu_menu_id" ON "sys_role_menu" USING btree ("menu_id");--> statement-breakpoint
CREATE INDEX "ix_sys_user_role_user_id" ON "sys_user_role" USING btree ("user_id");--> statement-breakpoint
CREATE INDEX "ix_sys_user_role_role_id" ON "sys_user_role" USING btree ("role_id");--> statement-breakpoint
CREATE INDEX "ix_sys_user_dept_id" ON "sys_user" USING btree ("dept_id");
ALTER TABLE "sys_audit_removal" ADD COLUMN "mac" varchar(64) DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "sys_audit_stream" ADD COLUMN "mac" varchar(64) DEFAULT '' NOT NULL;
-- An upload is in quarantine until its bytes were looked at: what was found in them stands here then.
alter table uploads add column found bytea;

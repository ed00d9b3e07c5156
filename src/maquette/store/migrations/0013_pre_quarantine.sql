-- Why an upload's bytes can never be used. Where neither this nor what was found in them is known, nobody has looked:
-- the upload is in quarantine. Keys are never rewritten, so a refusal holds for good.
alter table uploads add column refused bytea;

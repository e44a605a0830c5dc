alter table fixture_sample drop column colour;

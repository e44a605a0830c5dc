drop table fixture_sample_run;
drop table fixture_sample;

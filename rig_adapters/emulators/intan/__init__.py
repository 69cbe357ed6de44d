"""An Intan RHX that is not there: three TCP servers, written from how RHX is described alone."""

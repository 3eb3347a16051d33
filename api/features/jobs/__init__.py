"""Jobs over HTTP: long work is started, and asked for until it is done."""

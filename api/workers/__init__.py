"""Work behind requests: in processes of its own, and once in a while."""

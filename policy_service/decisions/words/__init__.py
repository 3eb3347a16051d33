"""What was decided, in words: answers, facts, traces and replays."""

"""Audit packs: all records of a policy, a subject or a period in one file, verifiable without the service.

| part          | what is in it                                                                                       |
|---------------|-----------------------------------------------------------------------------------------------------|
| `README.*.md` | what the pack is and how to verify it, step by step, in Chinese and in English                      |
| `manifest`    | what was asked for, the SHA-256 of every file, counts, what was left out; signed with the log's key |
| `versions`    | the policy files to the byte, and each in sentences                                                 |
| `differences` | each version against the one before, in sentences                                                   |
| `changes`     | what was asked for, who signed which digest, the analysis reports as frozen                         |
| `suspensions` | what was suspended, and who ratified it                                                             |
| `timeline`    | which version was put in force from when until when                                                 |
| `overrides`   | the exceptions made for subjects                                                                    |
| `decisions`   | a sample anyone can draw again: records, verdicts of their replay, proofs                          |
| `audit`       | the entries of the log that concern it, with proofs up to a signed checkpoint, and the public keys  |

The package imports all other packages that store data, since a pack contains their data.
"""

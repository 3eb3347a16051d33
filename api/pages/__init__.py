"""Pages for people: server-rendered, working with scripts off, in Chinese and in English.

A route makes one frozen value, a `Page`, whose `template` shows it and nothing else. What is sent back by a form goes
through `Pages.execute`: one effect in one transaction, then a redirect, or the same page again with what is wrong.
"""

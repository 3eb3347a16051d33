"""Cross groups: dimensions named in one statement, `industry × scale`, become a policy with a group for each crossing.

statement.py   reads the statement
dimensions.py  finds each dimension, a fact or an outcome of the policies, and its classes
writing.py     writes the policy file
"""

"""Cross groups: a statement of dimensions, `industry × scale`, becomes a policy with a group for each combination.

statement.py reads the statement dimensions.py finds each dimension, a fact or an outcome of the policies, and its
classes writing.py writes the policy file
"""

"""CDK composition: the stacks only compose what core computed, and grant.

Importing any of it points jsii, Python's bridge to the CDK, at a Node: it starts one when `aws_cdk` is imported.
"""

from stacks import node

node.select()

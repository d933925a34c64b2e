"""The only importers of boto3: one file a service, values of core in and out."""

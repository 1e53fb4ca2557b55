"""Where received media lie: in a folder of the account, or below a prefix of a bucket. Callers know no difference.

place      what both are to their callers
folder     one file a message in a folder of its chat
bucket     one object a message in an S3-compatible store; bucket_access opens that, bucket_errors says what went wrong
opening    which of them it is

Uses media's ground and `downloads`, the names and guards of the folder.
"""

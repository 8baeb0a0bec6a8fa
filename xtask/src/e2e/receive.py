"""Prints the messages of the queue whose URL is given, each on a line, and deletes them."""

import sys

import boto3

queue = boto3.resource("sqs").Queue(sys.argv[1])
for message in queue.receive_messages(MaxNumberOfMessages=10, WaitTimeSeconds=2):
    print(message.body)
    message.delete()

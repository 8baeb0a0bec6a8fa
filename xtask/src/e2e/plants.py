"""The defects that doctor must find. Plants one after the other in the stack of the test, prints
what doctor must say of it as a line of JSON, and undoes it when a line comes in.

Arguments: the ARNs of the topic, its key, and the queue that listens to it.
"""

import json
import sys

import boto3

STACK, DOMAIN, CLIENT = "postern", "mail.example.com", "postern/google-client"
TOPIC, KEY, LISTENER = sys.argv[1:]
api, functions, roles = (boto3.client(name) for name in ("apigatewayv2", "lambda", "iam"))
alarms, topics, keys = (boto3.client(name) for name in ("cloudwatch", "sns", "kms"))
tables, secrets, logs = (boto3.client(name) for name in ("dynamodb", "secretsmanager", "logs"))

pages = boto3.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=STACK)
MADE = {
    resource["LogicalResourceId"]: resource["PhysicalResourceId"]
    for page in pages
    for resource in page["StackResourceSummaries"]
}
API, TOKENS, SESSIONS, KEYRING = (
    MADE[name] for name in ("Api", "CredentialsTable", "SessionsTable", "SealingKeys")
)
ACCESS_LOG = MADE["AccessLog"]


def swap(plant, undo):
    """Plants, waits, and undoes."""
    plant()
    yield
    undo()


def variables(function, **changes):
    """Changes variables; None takes one away."""
    name = MADE[function]
    before = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    after = {name: value for name, value in {**before, **changes}.items() if value is not None}
    update = functions.update_function_configuration
    return swap(
        lambda: update(FunctionName=name, Environment={"Variables": after}),
        lambda: update(FunctionName=name, Environment={"Variables": before}),
    )


def configuration(function, now, before):
    """Changes settings of a function."""
    update = functions.update_function_configuration
    return swap(
        lambda: update(FunctionName=MADE[function], **now),
        lambda: update(FunctionName=MADE[function], **before),
    )


def policy(role, change):
    """Changes the statements of a role's policy."""
    role = MADE[role]
    name = roles.list_role_policies(RoleName=role)["PolicyNames"][0]
    before = roles.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    after = {**before, "Statement": change(before["Statement"])}

    def put(document):
        roles.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))

    return swap(lambda: put(after), lambda: put(before))


def added(role, effect, action):
    """Adds a policy to a role."""
    role = MADE[role]
    statement = {"Effect": effect, "Action": action, "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    return swap(
        lambda: roles.put_role_policy(RoleName=role, PolicyName="more", PolicyDocument=document),
        lambda: roles.delete_role_policy(RoleName=role, PolicyName="more"),
    )


def attached(role, arn):
    """Attaches a policy of AWS to a role."""
    role = MADE[role]
    return swap(
        lambda: roles.attach_role_policy(RoleName=role, PolicyArn=arn),
        lambda: roles.detach_role_policy(RoleName=role, PolicyArn=arn),
    )


def route(key):
    return next(route for route in api.get_routes(ApiId=API)["Items"] if route["RouteKey"] == key)


def no_route(key):
    before = route(key)
    return swap(
        lambda: api.delete_route(ApiId=API, RouteId=before["RouteId"]),
        lambda: api.create_route(ApiId=API, RouteKey=key, Target=before["Target"]),
    )


def another_target(key, other):
    before, target = route(key), f"integrations/{MADE[other]}"
    update = api.update_route
    return swap(
        lambda: update(ApiId=API, RouteId=before["RouteId"], Target=target),
        lambda: update(ApiId=API, RouteId=before["RouteId"], Target=before["Target"]),
    )


def no_mapping():
    before = api.get_api_mappings(DomainName=DOMAIN)["Items"][0]
    same = {name: before[name] for name in ("ApiId", "Stage")}
    return swap(
        lambda: api.delete_api_mapping(DomainName=DOMAIN, ApiMappingId=before["ApiMappingId"]),
        lambda: api.create_api_mapping(DomainName=DOMAIN, **same),
    )


def no_resource_policy(function):
    name = MADE[function]
    statements = json.loads(functions.get_policy(FunctionName=name)["Policy"])["Statement"]

    def add(statement):
        functions.add_permission(
            FunctionName=name,
            StatementId=statement["Sid"],
            Action=statement["Action"],
            Principal=statement["Principal"]["Service"],
            SourceArn=statement["Condition"]["ArnLike"]["AWS:SourceArn"],
        )

    return swap(
        lambda: [
            functions.remove_permission(FunctionName=name, StatementId=statement["Sid"])
            for statement in statements
        ],
        lambda: [add(statement) for statement in statements],
    )


def concurrency(function, reserved, before):
    put = functions.put_function_concurrency
    return swap(
        lambda: put(FunctionName=MADE[function], ReservedConcurrentExecutions=reserved),
        lambda: put(FunctionName=MADE[function], ReservedConcurrentExecutions=before),
    )


def stream_mapping(logical_id):
    update = functions.update_event_source_mapping
    return swap(
        lambda: update(UUID=MADE[logical_id], Enabled=False),
        lambda: update(UUID=MADE[logical_id], Enabled=True),
    )


def secret(name, change):
    before = secrets.get_secret_value(SecretId=name)["SecretString"]
    after = json.dumps(change(json.loads(before)))
    return swap(
        lambda: secrets.put_secret_value(SecretId=name, SecretString=after),
        lambda: secrets.put_secret_value(SecretId=name, SecretString=before),
    )


def alarm(name):
    return swap(
        lambda: alarms.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="a plant"),
        lambda: alarms.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="a plant"),
    )


def silenced(name):
    return swap(
        lambda: alarms.disable_alarm_actions(AlarmNames=[name]),
        lambda: alarms.enable_alarm_actions(AlarmNames=[name]),
    )


def no_alarms():
    described = alarms.get_paginator("describe_alarms").paginate(AlarmNamePrefix=f"{STACK}-")
    before = [alarm for page in described for alarm in page["MetricAlarms"]]
    members = alarms.meta.service_model.operation_model("PutMetricAlarm").input_shape.members
    same = [{name: value for name, value in alarm.items() if name in members} for alarm in before]
    return swap(
        lambda: alarms.delete_alarms(AlarmNames=[alarm["AlarmName"] for alarm in before]),
        lambda: [alarms.put_metric_alarm(**alarm) for alarm in same],
    )


def topic(attribute, value):
    before = topics.get_topic_attributes(TopicArn=TOPIC)["Attributes"].get(attribute, "")
    put = topics.set_topic_attributes
    return swap(
        lambda: put(TopicArn=TOPIC, AttributeName=attribute, AttributeValue=value),
        lambda: put(TopicArn=TOPIC, AttributeName=attribute, AttributeValue=before),
    )


def unsubscribe():
    for one in topics.list_subscriptions_by_topic(TopicArn=TOPIC)["Subscriptions"]:
        topics.unsubscribe(SubscriptionArn=one["SubscriptionArn"])


def subscribe(protocol, endpoint):
    topics.subscribe(TopicArn=TOPIC, Protocol=protocol, Endpoint=endpoint)


def unconfirmed():
    """Somebody subscribed, and never followed the link. (MiniStack takes an e-mail address at once.)"""
    yield from swap(
        lambda: (unsubscribe(), subscribe("http", "http://127.0.0.1:9/")),
        lambda: (unsubscribe(), subscribe("sqs", LISTENER)),
    )


def no_topic():
    before = topics.get_topic_attributes(TopicArn=TOPIC)["Attributes"]
    same = {name: before[name] for name in ("KmsMasterKeyId", "Policy")}
    yield from swap(
        lambda: topics.delete_topic(TopicArn=TOPIC),
        lambda: (
            topics.create_topic(Name=TOPIC.split(":")[-1], Attributes=same),
            subscribe("sqs", LISTENER),
        ),
    )


def key_policy():
    """CloudWatch is no longer in it."""
    before = keys.get_key_policy(KeyId=KEY, PolicyName="default")["Policy"]
    document = json.loads(before)
    owner = [one for one in document["Statement"] if "Service" not in one["Principal"]]
    after = json.dumps({**document, "Statement": owner})
    return swap(
        lambda: keys.put_key_policy(KeyId=KEY, PolicyName="default", Policy=after),
        lambda: keys.put_key_policy(KeyId=KEY, PolicyName="default", Policy=before),
    )


def time_to_live(is_on):
    specification = {"Enabled": is_on, "AttributeName": "expires_at"}
    tables.update_time_to_live(TableName=SESSIONS, TimeToLiveSpecification=specification)


def recovery(is_on):
    specification = {"PointInTimeRecoveryEnabled": is_on}
    tables.update_continuous_backups(
        TableName=TOKENS, PointInTimeRecoverySpecification=specification
    )


def protection(is_on):
    tables.update_table(TableName=TOKENS, DeletionProtectionEnabled=is_on)


def keep_access_log():
    logs.create_log_group(logGroupName=ACCESS_LOG)
    logs.put_retention_policy(logGroupName=ACCESS_LOG, retentionInDays=30)


def without(sid):
    return lambda statements: [one for one in statements if one.get("Sid") != sid]


def not_to_dynamodb(statements):
    """Takes one action out of a statement."""
    less = {"Action": "dynamodb:GetItem"}
    return [{**one, **less} if one["Sid"] == "StoreCredential" else one for one in statements]


ELSEWHERE = "https://secretsmanager.eu-west-1.amazonaws.com"
CLOSED = json.dumps({"Version": "2012-10-17", "Statement": []})
DRIFT = "is not what the template says"

# A defect, the status that doctor exits with, words of the line that says it, and what plants it.
PLANTS = [
    ("the permission to read secrets removed", 1, ["role of list-messages lacks", "GetSecretValue"],
     lambda: policy("ListMessagesRole", without("ReadSecrets"))),
    ("one action of a role removed", 1, ["role of oauth-callback lacks", "dynamodb:UpdateItem"],
     lambda: policy("OauthCallbackRole", not_to_dynamodb)),
    ("a role that may do everything", 1, ["role of sign-out has what the template does not grant", "* on *"],
     lambda: added("SignOutRole", "Allow", "*")),
    ("a policy of AWS attached to a role", 1, ["role of connection has", "AdministratorAccess"],
     lambda: attached("ConnectionRole", "arn:aws:iam::aws:policy/AdministratorAccess")),
    ("a denial added to a role", 1, ["role of oauth-callback has", "denial of dynamodb:UpdateItem"],
     lambda: added("OauthCallbackRole", "Deny", "dynamodb:UpdateItem")),
    ("METRICS_NAMESPACE removed", 1, ["ListMessages", DRIFT, "METRICS_NAMESPACE removed"],
     lambda: variables("ListMessages", METRICS_NAMESPACE=None)),
    ("another region for Secrets Manager", 1, ["AuthStart", DRIFT, "AWS_ENDPOINT_URL_SECRETS_MANAGER added"],
     lambda: variables("AuthStart", AWS_ENDPOINT_URL_SECRETS_MANAGER=ELSEWHERE)),
    ("other scopes in one function", 1, ["OauthCallback", DRIFT, "GMAIL_SCOPES changed"],
     lambda: variables("OauthCallback", GMAIL_SCOPES="https://mail.google.com/")),
    ("a timeout lowered", 1, ["GetMessage", DRIFT, "/Timeout changed"],
     lambda: configuration("GetMessage", {"Timeout": 3}, {"Timeout": 10})),
    ("a handler changed", 1, ["ServerMetadata", DRIFT, "/Handler changed"],
     lambda: configuration("ServerMetadata", {"Handler": "index.handler"}, {"Handler": "bootstrap"})),
    ("an alarm ringing", 1, ["the alarm postern-operator-errors is ringing"],
     lambda: alarm("postern-operator-errors")),
    ("an alarm silenced", 1, ["1 of the", "do not tell the topic: postern-seal-failures"],
     lambda: silenced("postern-seal-failures")),
    ("all alarms deleted", 1, ["alarms do not exist"], no_alarms),
    ("a route deleted", 2, ["the API has no route GET /messages:"], lambda: no_route("GET /messages")),
    ("a route wired to another function", 1, ["GET /connection leads to auth-start and not to connection"],
     lambda: another_target("GET /connection", "AuthStartIntegration")),
    ("a called route wired elsewhere", 1, ["GET /messages leads to connection and not to list-messages"],
     lambda: another_target("GET /messages", "ConnectionIntegration")),
    ("a resource policy removed", 1, ["apigateway.amazonaws.com may not invoke list-messages"],
     lambda: no_resource_policy("ListMessages")),
    ("concurrency 0", 2, ["Lambda refuses every request to list-messages"],
     lambda: concurrency("ListMessages", 0, 20)),
    ("the domain leads nowhere", 2, ["https://mail.example.com/messages"], no_mapping),
    ("a stream that nobody reads", 1, ["EventsMapping is off"], lambda: stream_mapping("EventsMapping")),
    ("a key missing from the keyring", 1, ["are sealed with the key \"k1\""],
     lambda: secret(KEYRING, lambda old: {"primary": "k9", "k9": old["k1"][::-1]})),
    ("a keyring marked for deletion", 1, [KEYRING, "is marked for deletion"],
     lambda: swap(lambda: secrets.delete_secret(SecretId=KEYRING, RecoveryWindowInDays=7),
                  lambda: secrets.restore_secret(SecretId=KEYRING))),
    ("a client of another type", 1, ["The secret has an \"installed\" client"],
     lambda: secret(CLIENT, lambda old: {"installed": old["web"]})),
    ("a wrong client secret", 1, ["Google refuses the client secret in postern/google-client"],
     lambda: secret(CLIENT, lambda old: {"web": {**old["web"], "client_secret": "GOCSPX-of-somebody-else"}})),
    ("a topic that CloudWatch may not use", 1, ["CloudWatch may not publish to the topic"],
     lambda: topic("Policy", CLOSED)),
    ("a topic with the key of SNS", 1, ["CloudWatch may not use the key alias/aws/sns"],
     lambda: topic("KmsMasterKeyId", "alias/aws/sns")),
    ("a topic's key that CloudWatch may not use", 1, ["CloudWatch may not use the key"], key_policy),
    ("a subscription that nobody confirmed", 1, ["has no confirmed subscription"], unconfirmed),
    ("a topic deleted", 1, ["the topic", "does not exist"], no_topic),
    ("sessions that are never deleted", 1, ["never deletes old sessions"],
     lambda: swap(lambda: time_to_live(False), lambda: time_to_live(True))),
    ("tokens that cannot be restored", 1, ["cannot be restored to a point in time"],
     lambda: swap(lambda: recovery(False), lambda: recovery(True))),
    ("a table that may be deleted", 1, ["CredentialsTable", DRIFT, "/DeletionProtectionEnabled changed"],
     lambda: swap(lambda: protection(False), lambda: protection(True))),
    ("an access log deleted", 1, ["AccessLog", "does not exist"],
     lambda: swap(lambda: logs.delete_log_group(logGroupName=ACCESS_LOG), keep_access_log)),
]
NOTHING = ("nothing", 0, [], lambda: swap(lambda: None, lambda: None))

# MiniStack leaves these out of the templates.
time_to_live(True)
recovery(True)
topics.set_topic_attributes(TopicArn=TOPIC, AttributeName="KmsMasterKeyId", AttributeValue=KEY)
for defect, exit_code, words, begin in [NOTHING, *PLANTS, NOTHING]:
    plant = begin()
    next(plant)
    print(json.dumps({"defect": defect, "exit_code": exit_code, "words": words}), flush=True)
    sys.stdin.readline()
    next(plant, None)

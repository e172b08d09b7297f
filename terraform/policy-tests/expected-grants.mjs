// Every permission of every principal of the example `complete`, written by hand. The tests compare this list with the
// simulated permissions of the plan: neither more nor less.
import { createHash } from 'node:crypto'
import { ACCOUNT_ID, arn, iamArn } from './plan.mjs'

const hash = (project) => createHash('sha256').update(project).digest('hex').slice(0, 8)
/** The CodeBuild projects of the example. Each role has the name of its build project. */
export const BUILD_PROJECTS = {
  demo: `doorbell--demo-${hash('demo')}`,
  'shop.web': `doorbell--shop-web-${hash('shop.web')}`,
  'shop-web': `doorbell--shop-web-${hash('shop-web')}`,
}
export const UNPRIVILEGED = 'doorbell_unprivileged'
/** Exists only with `shared_build_project`. */
export const SHARED = 'doorbell_shared'
/** What policies and event patterns say in place of all build projects. */
export const BUILD_PROJECT_PATTERNS = ['doorbell--*', UNPRIVILEGED]
export const buildProjectNames = [...Object.values(BUILD_PROJECTS), UNPRIVILEGED]
export const buildProjectArn = (name) => arn('codebuild', `project/${name}`)

export const TOPIC = arn('sns', 'doorbell-requests')
export const DONE_TOPIC = arn('sns', 'doorbell-done')
const queueArn = (name) => arn('sqs', `doorbell-${name}`)
const deadLetterQueues = ['dead-letters', 'events-dead-letters', 'subscription-dead-letters'].map(queueArn)
const table = arn('dynamodb', 'table/doorbell-jobs')
const dueIndex = `${table}/index/due`
const projectIndex = `${table}/index/by_project`
const logGroup = (name) => arn('logs', `log-group:${name}`)
const logStream = (name) => `${logGroup(name)}:log-stream:some-stream`
const rules = ['state', 'phase'].map((kind) => arn('events', `rule/doorbell-build-${kind}`))
const logGroups = ['/doorbell/worker', ...buildProjectNames.map((name) => `/aws/codebuild/${name}`)]
const OWN_SECRETS = ['doorbell/report/demo', 'doorbell/report/other', 'doorbell/git/shop.web', 'doorbell/git/shop-web', 'doorbell/git/shop.web-2', 'doorbell/reports/demo']
const secretArn = (name) => arn('secretsmanager', `secret:${name}-AbCdEf`)

export const PUBLISHERS = [
  ...['bitbucket', 'buildkite', 'circleci', 'github', 'gitlab'].map((ci) => iamArn(`role/doorbell-publisher-${ci}`)),
  iamArn('user/doorbell-publisher-pagure'),
]
export const OPERATORS = [iamArn('role/on-call')]
export const RESPONDERS = [iamArn('role/incident')]
const dashboard = (name) => `arn:aws:cloudwatch::${ACCOUNT_ID}:dashboard/${name}`
export const SCALABLE_TARGET = arn('application-autoscaling', 'scalable-target/0ec5abcd')

const grant = (resources, ...actions) => Object.fromEntries(actions.map((action) => [action, resources]))
const writeLog = (name) => grant([logStream(`/aws/codebuild/${name}`)], 'logs:CreateLogStream', 'logs:PutLogEvents')

const worker = {
  ...grant([queueArn('triggers'), queueArn('events')], 'sqs:ReceiveMessage', 'sqs:DeleteMessage'),
  ...grant([queueArn('dead-letters')], 'sqs:SendMessage'),
  ...grant([DONE_TOPIC], 'sns:Publish'),
  ...grant([arn('ssm', 'parameter/doorbell/demo')], 'ssm:GetParameter', 'ssm:GetParameters'),
  ...grant([arn('ssm', 'parameter/doorbell')], 'ssm:GetParametersByPath'),
  ...grant(['doorbell/report/demo', 'doorbell/report/other'].map(secretArn), 'secretsmanager:GetSecretValue'),
  ...grant([table], 'dynamodb:DescribeTable', 'dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem'),
  ...grant([dueIndex], 'dynamodb:Query'),
  ...grant(buildProjectNames.map(buildProjectArn), 'codebuild:BatchGetBuilds', 'codebuild:ListBuildsForProject', 'codebuild:StartBuild', 'codebuild:StopBuild'),
}
const execution = {
  ...grant(['*'], 'ecr:GetAuthorizationToken'),
  ...grant([arn('ecr', 'repository/doorbell/worker')], 'ecr:BatchCheckLayerAvailability', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'),
  ...grant([logStream('/doorbell/worker')], 'logs:PutLogEvents', 'logs:CreateLogStream'),
}
const BUILD_QUOTA = arn('servicequotas', 'codebuild/L-9D07B6EF')
const operator = {
  ...grant([table], 'dynamodb:DescribeTable', 'dynamodb:DescribeTimeToLive', 'dynamodb:GetItem'),
  ...grant([dueIndex, projectIndex], 'dynamodb:Query'),
  ...grant([arn('ssm', 'parameter/doorbell'), arn('ssm', 'parameter/doorbell/demo')], 'ssm:GetParameter', 'ssm:GetParametersByPath'),
  ...grant(['triggers', 'events'].map(queueArn).concat(deadLetterQueues), 'sqs:GetQueueAttributes', 'sqs:GetQueueUrl'),
  ...grant(deadLetterQueues, 'sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:ChangeMessageVisibility'),
  ...grant(['triggers', 'events'].map(queueArn), 'sqs:SendMessage'),
  ...grant([TOPIC], 'sns:GetTopicAttributes', 'sns:ListSubscriptionsByTopic', 'sns:GetSubscriptionAttributes'),
  ...grant(buildProjectNames.map(buildProjectArn), 'codebuild:BatchGetBuilds', 'codebuild:BatchGetProjects', 'codebuild:ListBuildsForProject', 'codebuild:StopBuild'),
  ...grant(logGroups.map(logStream), 'logs:FilterLogEvents', 'logs:GetLogEvents'),
  ...grant(['*'], 'events:ListRuleNamesByTarget'),
  ...grant(rules, 'events:DescribeRule', 'events:ListTargetsByRule'),
  ...grant(['doorbell-worker', ...buildProjectNames].map((name) => iamArn(`role/${name}`)), 'iam:GetRole', 'iam:SimulatePrincipalPolicy'),
  ...grant(OWN_SECRETS.map(secretArn), 'secretsmanager:DescribeSecret'),
  ...grant([BUILD_QUOTA], 'servicequotas:GetServiceQuota'),
}
const services = ['doorbell-worker', 'doorbell-worker-fixed'].map((name) => arn('ecs', `service/doorbell/${name}`))
Object.assign(operator, {
  ...grant([arn('cloudwatch', 'alarm:doorbell-sweep-missing')], 'cloudwatch:DescribeAlarms', 'cloudwatch:DescribeAlarmHistory'),
  ...grant([dashboard('doorbell')], 'cloudwatch:GetDashboard'),
  // GetMetricData and ListMetrics, too: the simulator knows no resource for them.
  ...grant(['*'], 'cloudwatch:GetMetricStatistics', 'cloudwatch:ListDashboards'),
  ...grant(['*'], 'ecs:DescribeTaskDefinition', 'logs:DescribeQueryDefinitions', 'logs:StopQuery'),
  ...grant(services, 'ecs:DescribeServices'),
  ...grant([arn('ecs', 'task/doorbell/0a1b2c3d')], 'ecs:DescribeTasks'),
  ...grant(logGroups.flatMap((name) => [logGroup(name), logStream(name)]), 'logs:DescribeLogStreams', 'logs:GetQueryResults', 'logs:StartQuery'),
})
const responder = {
  ...grant([table], 'dynamodb:GetItem', 'dynamodb:UpdateItem'),
  ...grant([dueIndex, projectIndex], 'dynamodb:Query'),
  ...grant([TOPIC], 'sns:Publish'),
  ...grant(services, 'ecs:DescribeServices', 'ecs:UpdateService'),
  ...grant([SCALABLE_TARGET], 'application-autoscaling:RegisterScalableTarget'),
}
const publish = grant([TOPIC], 'sns:Publish')

/** Permissions as {action: [resource]}, by the principal's ARN. */
export const EXPECTED_GRANTS = {
  ...Object.fromEntries(PUBLISHERS.map((principal) => [principal, publish])),
  [iamArn('role/doorbell-worker')]: worker,
  [iamArn('role/doorbell-worker-execution')]: execution,
  [iamArn('role/doorbell-operator')]: operator,
  [iamArn('role/doorbell-responder')]: responder,
  [iamArn(`role/${BUILD_PROJECTS.demo}`)]: writeLog(BUILD_PROJECTS.demo),
  [iamArn(`role/${BUILD_PROJECTS['shop.web']}`)]: { ...writeLog(BUILD_PROJECTS['shop.web']), ...grant([secretArn('doorbell/git/shop.web')], 'secretsmanager:GetSecretValue') },
  [iamArn(`role/${BUILD_PROJECTS['shop-web']}`)]: { ...writeLog(BUILD_PROJECTS['shop-web']), ...grant([secretArn('doorbell/git/shop-web')], 'secretsmanager:GetSecretValue') },
  [iamArn(`role/${UNPRIVILEGED}`)]: writeLog(UNPRIVILEGED),
}

/** Build projects of others: also of an installation whose name is longer. */
const OTHER_BUILD_PROJECTS = ['doorbell-demo', 'doorbell-2--demo-1', 'doorbell_unprivileged-2', 'doorbell-2_unprivileged', SHARED, 'other']

/** The resources that the simulation tries: each of the installation's, and similar ones that belong to others. */
export const RESOURCES = [
  TOPIC, DONE_TOPIC, ...['doorbell-requests-2', 'doorbell-done-2', 'alarms'].map((name) => arn('sns', name)),
  ...['triggers', 'events'].map(queueArn), ...deadLetterQueues, arn('sqs', 'doorbell-triggers-2'), arn('sqs', 'other'),
  table, dueIndex, projectIndex, `${table}/index/other`, arn('dynamodb', 'table/doorbell-jobs-2'), arn('dynamodb', 'table/other'),
  arn('ssm', 'parameter/doorbell'), arn('ssm', 'parameter/doorbell/demo'), arn('ssm', 'parameter/doorbell-2/demo'), arn('ssm', 'parameter/other'),
  ...[...OWN_SECRETS, 'doorbell-2/report/demo', 'other'].map(secretArn),
  ...buildProjectNames.map(buildProjectArn), ...OTHER_BUILD_PROJECTS.map(buildProjectArn),
  ...logGroups.flatMap((name) => [logGroup(name), logStream(name)]), logGroup('/other'), logStream('/other'), logStream('/doorbell/worker-2'),
  ...OTHER_BUILD_PROJECTS.map((name) => logStream(`/aws/codebuild/${name}`)),
  ...['worker', 'build', 'other'].map((name) => arn('ecr', `repository/doorbell/${name}`)),
  ...rules, arn('events', 'rule/other'), arn('kms', 'key/0a1b2c3d-0000-4000-8000-000000000000'),
  ...services, arn('ecs', 'service/doorbell/other'), arn('ecs', 'service/other/doorbell-worker'), arn('ecs', 'task/doorbell/0a1b2c3d'), arn('ecs', 'task/other/0a1b2c3d'), SCALABLE_TARGET,
  dashboard('doorbell'), dashboard('other'), arn('ecs', 'cluster/doorbell'),
  arn('cloudwatch', 'alarm:doorbell-sweep-missing'), arn('lambda', 'function:other'), BUILD_QUOTA, arn('servicequotas', 'ec2/L-1216C47A'), 'arn:aws:s3:::other', 'arn:aws:s3:::other/key',
  ...['doorbell-worker', ...buildProjectNames, 'doorbell-worker-execution', 'admin', ...OTHER_BUILD_PROJECTS].map((name) => iamArn(`role/${name}`)), iamArn('user/doorbell-publisher-pagure'), iamArn('policy/other'),
]

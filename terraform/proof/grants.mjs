// The whole of what each principal of the example `complete` may do, written by hand. The proof compares it with what
// AWS's semantics make of the plan: neither more nor less.
import { createHash } from 'node:crypto'
import { arn, iam } from './plan.mjs'

const hash = (project) => createHash('sha256').update(project).digest('hex').slice(0, 8)
/** The CodeBuild projects of the example, which are also the names of their roles. */
export const BUILD = {
  demo: `doorbell-demo-${hash('demo')}`,
  'shop.web': `doorbell-shop-web-${hash('shop.web')}`,
  'shop-web': `doorbell-shop-web-${hash('shop-web')}`,
}
export const UNPRIVILEGED = 'doorbell-unprivileged'
export const builds = [...Object.values(BUILD), UNPRIVILEGED]
export const project = (name) => arn('codebuild', `project/${name}`)

export const TOPIC = arn('sns', 'doorbell-requests')
const queue = (name) => arn('sqs', `doorbell-${name}`)
const dead = ['dead-letters', 'events-dead-letters', 'subscription-dead-letters'].map(queue)
const table = arn('dynamodb', 'table/doorbell-jobs')
const index = `${table}/index/due`
const group = (name) => arn('logs', `log-group:${name}`)
const stream = (name) => `${group(name)}:log-stream:some-stream`
const rules = ['state', 'phase'].map((kind) => arn('events', `rule/doorbell-build-${kind}`))
const logGroups = ['/doorbell/worker', ...builds.map((name) => `/aws/codebuild/${name}`)]
export const secret = (name) => arn('secretsmanager', `secret:${name}-AbCdEf`)

export const PUBLISHERS = [
  ...['bitbucket', 'buildkite', 'circleci', 'github', 'gitlab'].map((ci) => iam(`role/doorbell-publisher-${ci}`)),
  iam('user/doorbell-publisher-pagure'),
]
export const OPERATORS = [iam('role/on-call')]

const each = (resources, ...actions) => Object.fromEntries(actions.map((action) => [action, resources]))
const writeLog = (name) => each([stream(`/aws/codebuild/${name}`)], 'logs:CreateLogStream', 'logs:PutLogEvents')

const worker = {
  ...each([queue('triggers'), queue('events')], 'sqs:ReceiveMessage', 'sqs:DeleteMessage'),
  ...each([queue('dead-letters')], 'sqs:SendMessage'),
  ...each([arn('ssm', 'parameter/doorbell/demo')], 'ssm:GetParameter'),
  ...each([secret('doorbell/report/demo')], 'secretsmanager:GetSecretValue'),
  ...each([table], 'dynamodb:DescribeTable', 'dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem'),
  ...each([index], 'dynamodb:Query'),
  ...each(builds.map(project), 'codebuild:BatchGetBuilds', 'codebuild:ListBuildsForProject', 'codebuild:StartBuild', 'codebuild:StopBuild'),
}
const execution = {
  ...each(['*'], 'ecr:GetAuthorizationToken'),
  ...each([arn('ecr', 'repository/doorbell/worker')], 'ecr:BatchCheckLayerAvailability', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'),
  ...each([stream('/doorbell/worker')], 'logs:PutLogEvents', 'logs:CreateLogStream'),
}
const operator = {
  ...each([table], 'dynamodb:DescribeTable', 'dynamodb:DescribeTimeToLive', 'dynamodb:GetItem', 'dynamodb:Scan'),
  ...each([index], 'dynamodb:Query'),
  ...each([arn('ssm', 'parameter/doorbell'), arn('ssm', 'parameter/doorbell/demo')], 'ssm:GetParameter', 'ssm:GetParametersByPath'),
  ...each(['triggers', 'events'].map(queue).concat(dead), 'sqs:GetQueueAttributes', 'sqs:GetQueueUrl'),
  ...each(dead, 'sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:ChangeMessageVisibility'),
  ...each(['triggers', 'events'].map(queue), 'sqs:SendMessage'),
  ...each([TOPIC], 'sns:GetTopicAttributes', 'sns:ListSubscriptionsByTopic', 'sns:GetSubscriptionAttributes'),
  ...each(builds.map(project), 'codebuild:BatchGetBuilds', 'codebuild:BatchGetProjects', 'codebuild:ListBuildsForProject', 'codebuild:StopBuild'),
  ...each(logGroups.map(stream), 'logs:FilterLogEvents', 'logs:GetLogEvents'),
  ...each(['*'], 'events:ListRuleNamesByTarget'),
  ...each(rules, 'events:DescribeRule', 'events:ListTargetsByRule'),
  ...each(['doorbell-worker', ...builds].map((name) => iam(`role/${name}`)), 'iam:GetRole', 'iam:SimulatePrincipalPolicy'),
  ...each(['doorbell/report/demo', 'doorbell/git/shop.web', 'doorbell/git/shop-web'].map(secret), 'secretsmanager:DescribeSecret'),
}
const publish = each([TOPIC], 'sns:Publish')

/** By the principal's ARN. */
export const GRANTS = {
  ...Object.fromEntries(PUBLISHERS.map((principal) => [principal, publish])),
  [iam('role/doorbell-worker')]: worker,
  [iam('role/doorbell-worker-execution')]: execution,
  [iam('role/doorbell-operator')]: operator,
  [iam(`role/${BUILD.demo}`)]: writeLog(BUILD.demo),
  [iam(`role/${BUILD['shop.web']}`)]: { ...writeLog(BUILD['shop.web']), ...each([secret('doorbell/git/shop.web')], 'secretsmanager:GetSecretValue') },
  [iam(`role/${BUILD['shop-web']}`)]: { ...writeLog(BUILD['shop-web']), ...each([secret('doorbell/git/shop-web')], 'secretsmanager:GetSecretValue') },
  [iam(`role/${UNPRIVILEGED}`)]: writeLog(UNPRIVILEGED),
}

/** Everything that anybody could be allowed to touch: what is ours, and beside each a thing that is not. */
export const RESOURCES = [
  TOPIC, arn('sns', 'doorbell-requests-2'), arn('sns', 'alarms'),
  ...['triggers', 'events'].map(queue), ...dead, arn('sqs', 'doorbell-triggers-2'), arn('sqs', 'other'),
  table, index, `${table}/index/other`, arn('dynamodb', 'table/doorbell-jobs-2'), arn('dynamodb', 'table/other'),
  arn('ssm', 'parameter/doorbell'), arn('ssm', 'parameter/doorbell/demo'), arn('ssm', 'parameter/doorbell-2/demo'), arn('ssm', 'parameter/other'),
  ...['doorbell/report/demo', 'doorbell/report/other', 'doorbell/git/shop.web', 'doorbell/git/shop-web', 'doorbell/git/shop.web-2', 'other'].map(secret),
  ...builds.map(project), project('doorbell-demo'), project('other'),
  ...logGroups.flatMap((name) => [group(name), stream(name)]), group('/other'), stream('/other'), stream('/doorbell/worker-2'),
  ...['worker', 'build', 'other'].map((name) => arn('ecr', `repository/doorbell/${name}`)),
  ...rules, arn('events', 'rule/other'), arn('kms', 'key/0a1b2c3d-0000-4000-8000-000000000000'),
  arn('ecs', 'service/doorbell/doorbell-worker'), arn('ecs', 'task/doorbell/0a1b2c3d'), arn('ecs', 'cluster/doorbell'),
  arn('cloudwatch', 'alarm:doorbell-sweep-missing'), arn('lambda', 'function:other'), 'arn:aws:s3:::other', 'arn:aws:s3:::other/key',
  ...['doorbell-worker', ...builds, 'doorbell-worker-execution', 'admin'].map((name) => iam(`role/${name}`)), iam('user/doorbell-publisher-pagure'), iam('policy/other'),
]

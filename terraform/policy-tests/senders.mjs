// Who may put a message into the trigger queue. The worker checks no signature of SNS, so such a principal is a
// publisher: it chooses the request and the envelope.
import { arn, iamArn, list, statements } from './plan.mjs'

export const TRIGGERS = arn('sqs', 'doorbell-triggers')
const TOPIC = arn('sns', 'doorbell-requests')
/** The role that redrives dead letters. */
export const REDRIVER = iamArn('role/doorbell-operator')

/** Actions that send to a queue, or that give the right to it. IAM knows no batch action. */
export const SENDING_ACTIONS = ['sqs:SendMessage', 'sqs:StartMessageMoveTask', 'sqs:AddPermission', 'sqs:SetQueueAttributes']

/** Whether an IAM pattern with `*` and `?` matches; actions regardless of case. */
function matches(pattern, text, flags = '') {
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*').replaceAll('?', '.')
  return new RegExp(`^${escaped}$`, flags).test(text)
}

/** The sending actions that a statement allows on the trigger queue. `Not...` elements count as all that they could mean. */
function granted(statement) {
  if (statement.Effect !== 'Allow') return []
  const onQueue = statement.NotResource || list(statement.Resource).some((pattern) => matches(pattern, TRIGGERS))
  if (!onQueue) return []
  return SENDING_ACTIONS.filter((action) => statement.NotAction || list(statement.Action).some((pattern) => matches(pattern, action, 'i')))
}

function isTopic({ Principal, Condition }) {
  const sources = list(Condition?.ArnEquals?.['aws:SourceArn'])
  return Object.keys(Principal ?? {}).join() === 'Service' && list(Principal.Service).join() === 'sns.amazonaws.com' && sources.join() === TOPIC
}

/** Only the topic, and the role that redrives, may send to the trigger queue; neither may give the right to others. */
export function senderRules(account) {
  return account.policies.filter(({ kind }) => kind !== 'trust').flatMap(({ kind, target, document, address }) =>
    statements(document).flatMap((statement) => {
      const expected = kind === 'identity' ? target === REDRIVER : target === TRIGGERS && isTopic(statement)
      const surplus = granted(statement).filter((action) => !expected || action !== 'sqs:SendMessage')
      return surplus.map((action) => `${address}: ${statement.Sid ?? 'a statement'} allows ${action} on the trigger queue`)
    }))
}

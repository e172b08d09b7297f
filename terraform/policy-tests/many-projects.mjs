// Prints the variables of an installation with as many projects as the argument says, as a file *.tfvars.json. Each
// project has the longest name, a git secret, a forge's token and five variables.
const count = Number(process.argv[2])
if (!Number.isInteger(count) || count < 1) throw new Error('usage: node many-projects.mjs COUNT')

const MAX_NAME_CHARACTERS = 63
const names = Array.from({ length: count }, (_, index) => `team-${String(index).padStart(4, '0')}.`.padEnd(MAX_NAME_CHARACTERS, 'service'))
const project = (name) => ({
  git_url: `https://git.example.org/${name}.git`,
  command: ['./ci.sh', 'deploy'],
  refs: ['heads/main', 'tags/v*'],
  timeout_minutes: 30,
  variables: ['CUSTOMER', 'DRY_RUN', 'REGION', 'STAGE', 'VERSION'],
  git_secret: `doorbell/git/${name}`,
  report_to: { url: 'https://forge.example.org', repo: name, token_secret: `doorbell/report/${name}` },
})

const repository = '111122223333.dkr.ecr.eu-central-1.amazonaws.com/doorbell'
const digest = `sha256:${'1'.padStart(64, '0')}`
console.log(JSON.stringify({
  account_id: '111122223333',
  projects: Object.fromEntries(names.map((name) => [name, project(name)])),
  publishers: { pagure: { ci: 'key' } },
  operator_arns: ['arn:aws:iam::111122223333:role/on-call'],
  images: { worker: `${repository}/worker@${digest}`, build: `${repository}/build@${digest}` },
  network: { vpc_id: 'vpc-1', subnet_ids: ['subnet-1'] },
}))

// Logins at Kafka that cannot work are mistakes, each told at its place, and no secret is repeated.

import t from 'tap'
import { schema, settingChecks } from '../settings.ts'
import { loadConfig } from './load.ts'
import { awsCredentialsAreOne, driverKnowsTheMechanism, tokenHasOneOrigin } from './sasl-checks.ts'

const secret = 'canary-7d21'

/** What is told about a config with this login. */
function told (sasl: string, driver = 'native'): string[] {
  const loaded = loadConfig({
    text: `listeners: [ { protocol: http, port: 0 } ]
kafka:
  brokers: [ "a:1" ]
  driver: ${driver}
  sasl: { ${sasl} }
routes: [ { name: a, channel: a, topic: a } ]
`,
    path: 'sluice.yaml', env: {}, readFile: () => secret, schema, checks: settingChecks
  })
  if ('document' in loaded) return []
  t.notMatch(JSON.stringify(loaded.mistakes), secret)
  return loaded.mistakes.map(({ path, problem }) => `${path}: ${problem}`)
}

const url = 'tokenUrl: "https://id.example/token"'
const client = 'clientId: c, clientSecret: "${file:secret}"'

t.test('every mechanism can be configured', async t => {
  for (const sasl of [
    'mechanism: plain, username: u, password: p', 'mechanism: scram-sha-256, username: u, password: p',
    'mechanism: scram-sha-512, username: u, password: "${file:secret}"',
    'mechanism: oauthbearer, token: "${file:secret}"', `mechanism: oauthbearer, ${url}, ${client}`,
    `mechanism: oauthbearer, ${url}, ${client}, scope: s, extensions: { logicalCluster: lkc-1, identityPoolId: pool-1 }`,
    'mechanism: oauthbearer, tokenUrl: "http://127.0.0.1:8000/token", clientId: c, clientSecret: s',
    'mechanism: aws-msk-iam, region: us-east-1', 'mechanism: aws-msk-iam, region: us-gov-west-1, profile: p',
    'mechanism: aws-msk-iam, region: eu-west-1, roleArn: "arn:aws:iam::123456789012:role/sluice"'
  ]) t.same(told(sasl), [], sasl)
})

t.test('a token has one origin, told in full', async t => {
  t.same(told('mechanism: oauthbearer'), ['kafka.sasl: nothing tells where the token comes from'])
  t.same(told(`mechanism: oauthbearer, token: ${secret}, ${url}, ${client}`),
    ['kafka.sasl.token: a token beside tokenUrl: only one of them can be used'])
  t.same(told(`mechanism: oauthbearer, ${url}, clientId: c`), ['kafka.sasl.clientSecret: missing, and tokenUrl is there'])
  t.same(told('mechanism: oauthbearer, scope: s').length, 3)
  t.same(tokenHasOneOrigin({ kafka: [] }, () => false), [])
})

t.test('a token is asked for over an encrypted way only, by a URL without a secret', async t => {
  for (const bad of ['http://id.example/token', 'https://user:x@id.example/', 'id.example']) {
    t.match(told(`mechanism: oauthbearer, tokenUrl: "${bad}", ${client}`), [/^kafka\.sasl\.tokenUrl: /], bad)
  }
})

t.test('a role and a profile are not mixed', async t => {
  t.same(told('mechanism: aws-msk-iam, region: eu-west-1, profile: p, roleArn: "arn:aws:iam::123456789012:role/x"'),
    ['kafka.sasl.roleArn: a role beside a profile: only one of them can be used'])
  t.same(awsCredentialsAreOne({}, () => true), [])
})

t.test('what belongs to another mechanism is unknown, what is needed is missing', async t => {
  t.same(told('mechanism: plain, username: u'), ['kafka.sasl.password: missing'])
  t.same(told('mechanism: aws-msk-iam'), ['kafka.sasl.region: missing'])
  t.same(told('mechanism: aws-msk-iam, region: us-east-1, username: u'), ['kafka.sasl.username: unknown key "username"'])
  t.same(told('mechanism: oauthbearer, token: x, password: p'), ['kafka.sasl.password: unknown key "password"'])
  t.same(told('mechanism: oauthbearer, token: x, extensions: { auth: x }'),
    ['kafka.sasl.extensions.auth: unknown key "auth"'])
  t.match(told('mechanism: kerberos, username: u, password: p'), ['kafka.sasl.mechanism: unknown value "kerberos"'])
  t.match(told('username: u, password: p'), ['kafka.sasl.mechanism: missing'])
})

t.test('the driver kafkajs logs in by passwords only', async t => {
  t.same(told('mechanism: plain, username: u, password: p', 'kafkajs'), [])
  t.same(told('mechanism: oauthbearer, token: x', 'kafkajs'),
    ['kafka.sasl.mechanism: "oauthbearer", which the driver kafkajs does not know'])
  t.same(told('mechanism: aws-msk-iam, region: us-east-1', 'kafkajs').length, 1)
  t.same(driverKnowsTheMechanism({ kafka: { driver: 'kafkajs' } }, () => true), [])
})

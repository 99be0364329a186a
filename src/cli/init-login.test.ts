// Each SASL mechanism is asked for what it needs and nothing else, and options that cannot be meant together are told.

import t from 'tap'
import { askLogin, loginContradiction, mechanisms, saysLogin, sendsTokens } from './init-login.ts'
import type { LoginOptions } from './init-login.ts'
import { kafkaConfig } from '../kafka/config.ts'

const arn = 'arn:aws:iam::123456789012:role/sluice'
const tokenUrl = 'https://id.example/token'

interface Asked {
  readonly asked: readonly string[]
  readonly settings?: object
  readonly provide?: string
  readonly usage?: string
}

/** Answers by what a question is about; the rest takes the default. What was asked is written down. */
async function login (
  mechanism: string, options: LoginOptions, answers: Readonly<Record<string, string>> = {}
): Promise<Asked> {
  const asked: string[] = []
  const made = await askLogin(mechanism, options, async (text, standard) => {
    const about = Object.keys(answers).find(words => text.includes(words))
    asked.push(text.split(' (')[0] ?? '')
    return about === undefined ? standard : answers[about] ?? ''
  })
  if ('usage' in made) return { asked, usage: made.usage }
  const { provide, settings } = made
  t.equal(made.mechanism, mechanism)
  return { asked, settings: Object.fromEntries(settings), ...(provide === undefined ? {} : { provide }) }
}

t.test('a password belongs to a user', async t => {
  for (const mechanism of ['plain', 'scram-sha-256', 'scram-sha-512']) {
    t.same(await login(mechanism, {}, { User: 'ada' }), {
      asked: ['User at Kafka'], settings: { username: 'ada', password: '${env:KAFKA_PASSWORD}' },
      provide: 'the Kafka password: environment variable KAFKA_PASSWORD'
    })
    t.same(await login(mechanism, { username: 'u', passwordFile: './pw' }), {
      asked: [], settings: { username: 'u', password: '${file:./pw}' }, provide: 'the Kafka password: file ./pw'
    })
  }
})

t.test('a token is given, or got by a client', async t => {
  const [url, id, scope] = ['URL where clients get their tokens', 'Client id there', 'Scope to ask for']
  t.same(await login('oauthbearer', {}), {
    asked: [url], settings: { token: '${env:KAFKA_TOKEN}' }, provide: 'the token for Kafka: environment variable KAFKA_TOKEN'
  })
  t.same(await login('oauthbearer', {}, { [url]: tokenUrl, [scope]: 'kafka' }), {
    asked: [url, id, scope],
    settings: { tokenUrl, clientId: 'sluice', clientSecret: '${env:KAFKA_CLIENT_SECRET}', scope: 'kafka' },
    provide: `the client secret for ${tokenUrl}: environment variable KAFKA_CLIENT_SECRET`
  })
  t.match(await login('oauthbearer', { tokenUrl, clientId: 'c', passwordFile: 's' }),
    { asked: [scope], settings: { tokenUrl, clientId: 'c', clientSecret: '${file:s}', scope: undefined } })
})

t.test('Amazon MSK is somewhere, and the credentials are those of the machine, a role or a profile', async t => {
  const [region, whose] = ['AWS region of the cluster, such as us-east-1', 'AWS credentials']
  t.same(await login('aws-msk-iam', {}), { asked: [region], usage: 'say in which AWS region the cluster is: --region REGION' })
  t.same(await login('aws-msk-iam', {}, { region: 'eu-west-1' }), { asked: [region, whose], settings: { region: 'eu-west-1' } })
  for (const [answer, settings] of [[arn, { roleArn: arn }], ['dev', { profile: 'dev' }]] as const) {
    t.same(await login('aws-msk-iam', { region: 'r-1' }, { [whose]: answer }), { asked: [whose], settings: { region: 'r-1', ...settings } })
  }
  t.same(await login('aws-msk-iam', { region: 'r-1', roleArn: arn }), { asked: [], settings: { region: 'r-1', roleArn: arn } })
  t.same(await login('aws-msk-iam', { region: 'r-1', profile: 'machine' }),
    { asked: [], settings: { region: 'r-1', profile: 'machine' } }, 'a profile may have any name')
})

t.test('options that cannot be meant together are told in words', async t => {
  const rows: [LoginOptions, RegExp | undefined][] = [
    [{}, undefined],
    [{ sasl: 'plain', username: 'u', passwordEnv: 'P' }, undefined],
    [{ sasl: 'oauthbearer', tokenUrl, clientId: 'c', scope: 's', passwordFile: 'p' }, undefined],
    [{ sasl: 'aws-msk-iam', region: 'r', roleArn: arn }, undefined],
    [{ passwordEnv: 'P', passwordFile: 'p' }, /^choose --password-env or --password-file$/],
    [{ roleArn: arn, profile: 'p' }, /^choose --role-arn or --profile$/],
    [{ clientId: 'c' }, /^to say --client-id you need --sasl MECHANISM$/],
    [{ sasl: 'scram-sha-512', region: 'r' }, /^--region is nothing that --sasl scram-sha-512 needs$/],
    [{ sasl: 'aws-msk-iam', passwordEnv: 'P' }, /^--password-env is nothing that --sasl aws-msk-iam needs$/],
    [{ sasl: 'oauthbearer', username: 'u' }, /^--username is nothing/],
    [{ sasl: 'oauthbearer', scope: 's' }, /^--client-id and --scope need --token-url$/]
  ]
  for (const [options, words] of rows) {
    const told = loginContradiction(options)
    if (words === undefined) t.equal(told, undefined)
    else t.match(told, words)
    t.equal(saysLogin(options), Object.keys(options).length > 0)
  }
})

t.test('every mechanism of the schema is offered', async t => {
  const branches = kafkaConfig.properties.sasl.anyOf.map(branch => branch.properties.mechanism.const)
  t.same(mechanisms, branches)
  t.same(mechanisms.filter(sendsTokens), ['oauthbearer', 'aws-msk-iam'])
})

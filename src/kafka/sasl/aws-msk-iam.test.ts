// Tokens for Amazon MSK, taken apart and signed again by this test. Nothing leaves the machine.

import t from 'tap'
import type { Test } from 'tap'
import { createHash, createHmac } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { mskToken } from './aws-msk-iam.ts'
import { createSaslMechanism } from './index.ts'

const accessKeyId = 'AKIDEXAMPLE'
const secretAccessKey = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'

/** The environment of AWS is this one only; what could lead out of the machine is not there. */
function environment (t: Test, variables: Readonly<Record<string, string>>): void {
  const before = { ...process.env }
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) delete process.env[name]
  const files = { AWS_CONFIG_FILE: join(t.testdirName, 'none'), AWS_SHARED_CREDENTIALS_FILE: join(t.testdirName, 'none') }
  Object.assign(process.env, { AWS_EC2_METADATA_DISABLED: 'true', ...files, ...variables })
  t.teardown(() => { process.env = before })
}

function urlOf (token: string): URL {
  return new URL(Buffer.from(token, 'base64url').toString())
}

/** Signature version 4 over the query, as AWS documents it, by this test's own hand. */
function signatureOf (url: URL, secretKey: string): string {
  const encode = (one: string): string =>
    encodeURIComponent(one).replaceAll(/[!'()*]/g, char => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
  const signed = [...url.searchParams].filter(([name]) => name !== 'X-Amz-Signature' && name !== 'User-Agent')
  const query = signed.map(([name, value]) => `${encode(name)}=${encode(value)}`).sort().join('&')
  const sha256 = (message: string): string => createHash('sha256').update(message).digest('hex')
  const request = ['GET', '/', query, `host:${url.host}`, '', 'host', sha256('')].join('\n')
  const [, ...scope] = (url.searchParams.get('X-Amz-Credential') ?? '').split('/')
  const message = ['AWS4-HMAC-SHA256', url.searchParams.get('X-Amz-Date'), scope.join('/'), sha256(request)].join('\n')
  const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()
  return hmac(scope.reduce<string | Buffer>(hmac, `AWS4${secretKey}`), message).toString('hex')
}

t.test('the token is a signed request to connect, good for 15 minutes', async t => {
  environment(t, { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey })
  const { value, lifetimeMs } = await mskToken({ region: 'eu-west-1' })()
  t.match(value, /^[A-Za-z0-9_-]+$/)
  t.ok(lifetimeMs > 880_000 && lifetimeMs <= 900_000, `${lifetimeMs} ms`)
  const url = urlOf(value)
  t.equal(`${url.protocol}//${url.host}${url.pathname}`, 'https://kafka.eu-west-1.amazonaws.com/')
  const query = Object.fromEntries(url.searchParams)
  t.match(query, {
    'Action': 'kafka-cluster:Connect', 'X-Amz-Algorithm': 'AWS4-HMAC-SHA256', 'X-Amz-Expires': '900',
    'X-Amz-SignedHeaders': 'host', 'User-Agent': /^aws-msk-iam-sasl-signer-js\//,
    'X-Amz-Credential': /^AKIDEXAMPLE\/[0-9]{8}\/eu-west-1\/kafka-cluster\/aws4_request$/, 'X-Amz-Date': /^[0-9]{8}T[0-9]{6}Z$/
  })
  t.equal(query['X-Amz-Security-Token'], undefined)
  t.equal(query['X-Amz-Signature'], signatureOf(url, secretAccessKey))
  t.not(query['X-Amz-Signature'], signatureOf(url, 'another key'))
})

t.test('credentials that end soon give a whole token that is not kept beyond them', async t => {
  environment(t, {
    AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_SESSION_TOKEN: 'session+/=',
    AWS_CREDENTIAL_EXPIRATION: new Date(Date.now() + 400_123).toISOString()
  })
  const { value, lifetimeMs } = await mskToken({ region: 'us-east-1' })()
  t.ok(lifetimeMs > 380_000 && lifetimeMs <= 400_123, `${lifetimeMs} ms`)
  const url = urlOf(value)
  t.equal(url.searchParams.get('X-Amz-Expires'), '900')
  t.equal(url.searchParams.get('X-Amz-Security-Token'), 'session+/=')
  t.equal(url.searchParams.get('X-Amz-Signature'), signatureOf(url, secretAccessKey))
})

t.test('the credentials can be those of a profile', async t => {
  const dir = t.testdir()
  environment(t, { AWS_SHARED_CREDENTIALS_FILE: join(dir, 'credentials'), AWS_CONFIG_FILE: join(dir, 'config') })
  writeFileSync(join(dir, 'config'), '')
  writeFileSync(join(dir, 'credentials'), '[kafka]\naws_access_key_id = AKIDPROFILE\naws_secret_access_key = other\n')
  const url = urlOf((await mskToken({ region: 'us-east-1', profile: 'kafka' })()).value)
  t.match(url.searchParams.get('X-Amz-Credential'), /^AKIDPROFILE\//)
  t.equal(url.searchParams.get('X-Amz-Signature'), signatureOf(url, 'other'))
  await t.rejects(mskToken({ region: 'us-east-1', profile: 'none' })(),
    { type: 'NO_TOKEN', message: /^no token for Amazon MSK: .*none/ })
})

t.test('the credentials can be those of a role', async t => {
  const bodies: string[] = []
  const server = createServer((request, response) => {
    request.on('data', (part: Buffer) => { bodies.push(String(part)) })
    request.on('end', () => {
      response.setHeader('content-type', 'text/xml')
      response.end(`<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
<AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>role-key</SecretAccessKey><SessionToken>role-session</SessionToken>
<Expiration>${new Date(Date.now() + 3_600_000).toISOString()}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`)
    })
  })
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  environment(t, {
    AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_ENDPOINT_URL_STS: `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  const roleArn = 'arn:aws:iam::123456789012:role/sluice'
  const url = urlOf((await mskToken({ region: 'us-east-1', roleArn })()).value)
  t.match(url.searchParams.get('X-Amz-Credential'), /^ASIAROLE\//)
  t.equal(url.searchParams.get('X-Amz-Security-Token'), 'role-session')
  t.equal(url.searchParams.get('X-Amz-Signature'), signatureOf(url, 'role-key'))
  const asked = new URLSearchParams(bodies.join(''))
  t.match(Object.fromEntries(asked), { Action: 'AssumeRole', RoleArn: roleArn, RoleSessionName: 'sluice' })
})

t.test('it logs in by OAUTHBEARER, with one token for many logins', async t => {
  environment(t, { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey })
  const mechanism = createSaslMechanism({ mechanism: 'aws-msk-iam', region: 'us-east-1' })
  t.equal(mechanism?.name, 'OAUTHBEARER')
  const broker = { host: '127.0.0.1', port: 1 }
  const first = String((await mechanism?.begin(broker))?.first)
  const [, token = ''] = /^n,,\x01auth=Bearer ([A-Za-z0-9_-]+)\x01\x01$/.exec(first) ?? []
  t.equal(urlOf(token).hostname, 'kafka.us-east-1.amazonaws.com')
  t.equal(String((await mechanism?.begin(broker))?.first), first)
})

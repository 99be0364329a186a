// What a config with an admin listener must say, and that a token pasted in place of its hash is not repeated.

import t from 'tap'
import { schema, settingChecks } from '../settings.ts'
import { loadConfig } from './load.ts'
import { renderMistakes } from './mistake.ts'

const hash = `sha256:${'0'.repeat(64)}`

function told (listener: string, admin: string): string {
  const text = `listeners:\n  - { protocol: http, port: 1 }\n  - { protocol: admin, ${listener} }
sink: journal\n${admin}\nroutes: [ { name: a, channel: a, topic: a } ]\n`
  const loaded = loadConfig({ text, path: 'sluice.yaml', env: {}, readFile: () => '', schema, checks: settingChecks })
  return 'mistakes' in loaded ? renderMistakes(loaded.mistakes, 'sluice.yaml') : 'no mistake'
}

t.test('an admin listener without a token is a mistake that says what to type', async t => {
  for (const admin of ['', 'admin: {}', 'admin: { tokens: [] }']) {
    t.match(told('port: 2', admin), /admin\.tokens\n {2}error {2}no token, .*\n {9}expected the hash that "sluice key new" prints/, admin)
  }
  t.equal(told('port: 2', `admin: { tokens: [ "${hash}" ] }`), 'no mistake')
})

t.test('on an address that others reach it has TLS, or says that it need not', async t => {
  const admin = `admin: { tokens: [ "${hash}" ] }`
  t.match(told('port: 2, host: 0.0.0.0', admin), /this listener is without TLS\n {9}expected TLS, a loopback host/)
  t.equal(told('port: 2, host: 0.0.0.0, insecure: true', admin), 'no mistake')
  t.equal(told('port: 2, host: 0.0.0.0, tls: { cert: a, key: b }', admin), 'no mistake')
  t.equal(told('port: 2, host: "::1"', admin), 'no mistake')
})

t.test('a token in place of its hash is refused without being repeated', async t => {
  const text = told('port: 2', 'admin: { tokens: [ sluice_canary ] }')
  t.match(text, 'admin.tokens[0]')
  t.notMatch(text, 'canary')
})

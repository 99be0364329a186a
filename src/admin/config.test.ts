// The admin section: what is filled in, and what is refused.

import { Ajv } from 'ajv'
import t from 'tap'
import { adminConfig } from './config.ts'

const ajv = new Ajv({ useDefaults: true, allErrors: true, strict: false })
const hash = `sha256:${'a'.repeat(64)}`

t.test('nobody may use the admin listener, and only by loopback names, unless told otherwise', async t => {
  const section = {}
  t.ok(ajv.validate(adminConfig, section))
  t.same(section, { tokens: [], hosts: [] })
  t.ok(ajv.validate(adminConfig, { tokens: [hash], hosts: ['gateway.example.com', '10.0.0.1', '2001:db8::1'] }))
})

const wrong = [
  { tokens: ['sluice_key'] }, { tokens: [`${hash}0`] }, { tokens: [hash, hash] }, { tokens: hash }, { hosts: ['a/b'] }, { token: [hash] }
]
for (const section of wrong) {
  t.test(`${JSON.stringify(section).slice(0, 60)} is refused`, async t => { t.notOk(ajv.validate(adminConfig, { ...section })) })
}

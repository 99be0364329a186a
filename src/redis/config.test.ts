// The settings of shared limits: what they default to, and that a limit over all nodes needs them.

import t from 'tap'
import { loadConfig } from '../config/load.ts'
import { freezeConfig } from '../config/freeze.ts'
import { schema, settingChecks } from '../settings.ts'
import type { Settings } from '../settings.ts'

function load (more: string, policy: string): ReturnType<typeof loadConfig> {
  return loadConfig({
    text: `listeners: [ { protocol: http, port: 0 } ]
kafka: { brokers: [ "a:1" ] }
routes: [ { name: a, channel: a, topic: a, policies: [ ${policy} ] } ]
${more}
`,
    path: 'sluice.yaml', env: {}, readFile: () => '', schema, checks: settingChecks
  })
}

for (const policy of ['rate-limit: { eventsPerSecondMax: 1, across: cluster }', 'quota: { eventsMax: 1, across: cluster }']) {
  t.test(`${policy} without a store is a mistake`, async t => {
    const loaded = load('', policy)
    t.match(loaded, { mistakes: [{ path: /^routes\[0\]\.policies\[0\]\.\S+\.across$/, problem: /no store/ }] })
    t.ok('document' in load('', policy.replace('cluster', 'node')))
    t.ok('document' in load('sharedLimits: { redis: { url: "redis://127.0.0.1" } }', policy))
  })
}

t.test('the address is a secret, and without the store each node holds to the limit', async t => {
  const loaded = load('sharedLimits: { redis: { url: "redis://:canary-7@127.0.0.1" } }', '')
  if (!('document' in loaded)) return t.fail('a sound config')
  const { document } = loaded
  const { sharedLimits } = freezeConfig({ document, schema, baseDir: '.', env: {} }) as unknown as Settings
  t.match(sharedLimits, { onStoreFailure: 'local', redis: { keyPrefix: 'sluice:', connectTimeoutMs: 1_000, commandTimeoutMs: 100 } })
  t.notMatch(JSON.stringify(sharedLimits), /canary/)
  t.equal(sharedLimits?.redis.url.reveal(), 'redis://:canary-7@127.0.0.1')
})

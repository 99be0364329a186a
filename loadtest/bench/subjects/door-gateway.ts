// The gateway as it is started by `sluice start`, with a listener of one door, an API key, an ACL and a rate limit.

import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { loadConfig } from '../../../src/config/load.ts'
import { startGateway } from '../../../src/gateway.ts'
import { schema, settingChecks } from '../../../src/settings.ts'
import { channel } from '../../scenarios.ts'
import { streamDoors } from '../speakers/index.ts'
import { readSetup } from './subject.ts'
import type { DoorSetup, Listening } from './subject.ts'

const { door, brokers, topic, folder, apiKey, profile } = readSetup<DoorSetup>()
const { protocol } = streamDoors[door]
// A limit that counts every event and refuses none.
const text = `
listeners: [ { protocol: ${protocol}, port: 0 }, { protocol: health, port: 0 } ]
workers: 1
log: { level: warn }
limits: { connectionsMax: 21000, connectionsPerPeerMax: 21000, preAuthBytesMax: 1GiB }
kafka: { brokers: ${JSON.stringify(brokers)} }
principals:
  - name: bench
    groups: [senders]
    credentials: [ { apiKey: "sha256:${createHash('sha256').update(apiKey).digest('hex')}" } ]
authentication: [ auth-api-key: { header: x-api-key } ]
routes:
  - name: load
    channel: ${channel}
    topic: ${topic}
    policies:
      - acl: { allow: [ "group:senders" ] }
      - rate-limit: { per: principal, eventsPerSecondMax: 1000000, burstEventsMax: 1000000 }
`
const loaded = loadConfig({
  text, path: join(folder, 'sluice.yaml'), env: {}, readFile: () => '', schema, checks: settingChecks
})
if ('mistakes' in loaded) throw new Error(JSON.stringify(loaded.mistakes, undefined, 1))
const gateway = await startGateway({
  document: loaded.document, baseDir: folder, version: '0.0.0-bench',
  workerExecArgv: profile ? ['--cpu-prof', `--cpu-prof-dir=${folder}`] : []
})
const port = gateway.listening.find(listening => listening.protocol === protocol)?.port ?? 0
process.send?.({ port } satisfies Listening)
process.on('disconnect', () => { void gateway.stop().finally(() => process.exit()) })

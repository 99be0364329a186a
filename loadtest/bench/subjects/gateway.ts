// The gateway as it is started by `sluice start`, with one worker, an API key, an ACL and a payload limit.

import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { loadConfig } from '../../../src/config/load.ts'
import { startGateway } from '../../../src/gateway.ts'
import { schema, settingChecks } from '../../../src/settings.ts'
import { channel } from '../../scenarios.ts'
import { readSetup } from './subject.ts'
import type { Listening } from './subject.ts'

const { brokers, topic, folder, apiKey, json, format, profile } = readSetup()
const path = join(folder, 'sluice.yaml')
const text = `
listeners: [ { protocol: http, port: 0 }, { protocol: health, port: 0 } ]
workers: 1
log: { level: warn }
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
    json: ${json}
    format: ${format}
    policies: [ acl: { allow: [ "group:senders" ] }, payload-limit: { bytesMax: 64KiB } ]
`
const none = (): string => ''
const loaded = loadConfig({ text, path, env: {}, readFile: none, schema, checks: settingChecks })
if ('mistakes' in loaded) throw new Error(JSON.stringify(loaded.mistakes, undefined, 1))
const gateway = await startGateway({
  document: loaded.document, baseDir: folder, version: '0.0.0-bench',
  workerExecArgv: profile ? ['--cpu-prof', `--cpu-prof-dir=${folder}`] : []
})
const port = gateway.listening.find(({ protocol }) => protocol === 'http')?.port ?? 0
process.send?.({ port } satisfies Listening)
process.on('disconnect', () => { void gateway.stop().finally(() => process.exit()) })

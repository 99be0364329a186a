// A journal at its byte cap and on a full disk: refused in words, nothing acknowledged lost, and on when there is room.

import t from 'tap'
import type { Test } from 'tap'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { numberOf } from '../../src/journal/layout.ts'
import { startGatewayProcess } from '../support/gateway-process.ts'
import type { GatewayProcess } from '../support/gateway-process.ts'
import type { SentEvent } from '../support/history.ts'
import { journalContents } from '../support/journal-history.ts'
import { readyz } from '../support/readyz.ts'
import { until } from '../support/until.ts'

const config = (journal: string): string => `
listeners:
  - { protocol: http, port: 0 }
  - { protocol: health, port: 0 }
workers: 2
sink: journal
journal: ${journal}
routes:
  - { name: faults, channel: faults, topic: faults, key: { pointer: /key } }
`

interface Answer { readonly status: number, readonly body: Record<string, unknown> }

/** One event of so many bytes. */
async function send (gateway: GatewayProcess, id: string, dataBytes: number): Promise<Answer> {
  const response = await fetch(`http://127.0.0.1:${gateway.port}/v1/events/faults`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': id },
    body: `{"key":"${id}","pad":"${'x'.repeat(dataBytes)}"}`
  })
  return { status: response.status, body: await response.json() as Record<string, unknown> }
}

/** Events of 64 KiB until one is refused; the refusal. */
async function fill (gateway: GatewayProcess, sent: SentEvent[]): Promise<Record<string, unknown>> {
  for (let count = 0; count < 1_000; count++) {
    const id = `fill-${sent.length}`
    const { status, body } = await send(gateway, id, 65_536)
    if (status !== 200) return { status, ...body }
    sent.push({ id, stream: 'fill', order: sent.length, digest: '', told: 'written', position: String(body.journal) })
  }
  throw new Error('1,000 events did not fill it')
}

/** All that were acknowledged are in the journal, or in the segments that were moved away. */
async function stillThere (t: Test, dirs: readonly string[], sent: readonly SentEvent[]): Promise<void> {
  const there = new Set<string>()
  for (const dir of dirs) for (const one of (await journalContents(dir)).stored) there.add(one.id)
  t.same(sent.filter(one => !there.has(one.id)).map(one => one.id), [], 'acknowledged but lost')
}

t.test('at its byte cap it refuses, names the folder to the operator, and goes on when there is room', {
  timeout: 120_000
}, async t => {
  const folder = t.testdir()
  const dir = join(folder, 'data/journal')
  const gateway = await startGatewayProcess(folder, config('{ bytesMax: 4MiB, segmentBytesMax: 1MiB, retryMs: 100 }'))
  t.teardown(() => gateway.kill())
  const sent: SentEvent[] = []
  const refusal = await fill(gateway, sent)
  t.match(refusal, { status: 507, code: 'journal-full', outcome: 'refused', retryable: true, retryAfterMs: 100 })
  t.match(refusal.detail, /byte cap; its operator must empty or enlarge it/)
  t.notMatch(JSON.stringify(refusal), dir, 'the folder is not the sender\'s business')
  t.ok(sent.length >= 40, `${sent.length} events of 64 KiB fit into 4 MiB`)
  const state = await readyz(gateway.healthPort)
  t.match(state, { code: 503, status: 'unavailable' })
  t.match(state.reasons.join(), /data\/journal is at its cap of 4194304 bytes: move its oldest segments away or raise/)
  t.match(gateway.log(), /data\/journal/, 'the log names the folder')

  const moved = join(folder, 'moved')
  mkdirSync(moved)
  const segments = readdirSync(dir).filter(name => numberOf(name) !== undefined).sort()
  for (const name of segments.slice(0, 2)) renameSync(join(dir, name), join(moved, name))
  const tookMs = await until(async () => (await send(gateway, 'probe', 10)).status === 200, {
    timeoutMs: 20_000, what: () => `it takes events again\n${gateway.log()}`
  })
  t.comment(`${sent.length} events, takes more ${Math.round(tookMs)} ms after there was room`)
  t.match(await readyz(gateway.healthPort), { code: 200 })
  const before = sent.length
  t.match(await fill(gateway, sent), { status: 507 })
  t.ok(sent.length > before + 10, `${sent.length - before} more`)
  t.ok(await gateway.stop())
  await stillThere(t, [dir, moved], sent)
})

t.test('on a disk that is full it refuses, and goes on when there is room', { timeout: 120_000 }, async t => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-disk-'))
  const disk = join(folder, 'disk')
  mkdirSync(disk)
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', disk]).status !== 0) {
    process.stderr.write('THE FULL DISK WAS NOT TRIED: this user may not mount one\n')
    t.pass('no disk of its own')
    return
  }
  t.teardown(() => { spawnSync('umount', ['-l', disk]) })
  const gateway = await startGatewayProcess(folder, config('{ dir: ./disk/journal, retryMs: 100, segmentBytesMax: 1MiB }'))
  t.teardown(() => gateway.kill())
  const sent: SentEvent[] = []
  const filler = join(disk, 'filler')
  writeFileSync(filler, Buffer.alloc(10 << 20))
  const refusal = await fill(gateway, sent)
  t.match(refusal, { status: 507, code: 'journal-full', outcome: 'refused', retryable: true })
  t.match(refusal.detail, /disk .*full; its operator must make room/)
  t.match((await readyz(gateway.healthPort)).reasons.join(), /disk\/journal is full: make room there or enlarge it/)
  t.match(gateway.log(), /disk\/journal/, 'the log names the folder')
  t.ok(sent.length > 10, `${sent.length} were written before`)
  rmSync(filler)
  await until(async () => (await send(gateway, 'probe', 10)).status === 200, {
    timeoutMs: 20_000, what: () => `it takes events again\n${gateway.log()}`
  })
  const before = sent.length
  t.match(await fill(gateway, sent), { status: 507 })
  t.ok(sent.length > before + 50, `${sent.length - before} more`)
  await gateway.kill()
  await stillThere(t, [join(disk, 'journal')], sent)
})

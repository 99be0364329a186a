// The supervisor with real threads that do nothing: starting, replacing, asking and stopping them.

import { MessageChannel } from 'node:worker_threads'
import t from 'tap'
import type { Test } from 'tap'
import type { FakeOrder, FakeWorkerData } from '../test/support/fake-worker.ts'
import { until } from '../test/support/listener-rig.ts'
import type { Log } from './contract/adapter.ts'
import { createPulseCells, watchPulse } from './shared/heartbeat.ts'
import { Supervisor } from './supervisor.ts'

interface RigOptions {
  readonly workerCount?: number
  readonly drainMs?: number
  readonly heapMb?: number
  /** How the given start of the given worker goes; both count from 0. */
  readonly script?: (index: number, start: number) => Partial<Omit<FakeWorkerData, 'pulse'>>
}

interface Rig {
  readonly supervisor: Supervisor
  readonly starts: { index: number, atMs: number }[]
  readonly gone: number[]
  readonly messages: string[]
  order (index: number, kind: FakeOrder['kind']): void
}

function createRig (t: Test, options: RigOptions = {}): Rig {
  const { workerCount = 2, drainMs = 1_000, heapMb = 64, script = () => ({}) } = options
  const pulse = createPulseCells(workerCount)
  const watches = Array.from({ length: workerCount }, (_, index) => watchPulse(pulse, index, performance.now()))
  const starts: Rig['starts'] = []
  const gone: number[] = []
  const messages: string[] = []
  const write = (_fields: Record<string, unknown>, message: string): void => { messages.push(message) }
  const log: Log = { debug: write, info: write, warn: write, error: write }
  const supervisor = new Supervisor({
    entry: new URL('../test/support/fake-worker.ts', import.meta.url),
    workerCount,
    portsKnown: false,
    prepare (index) {
      const start = starts.filter(one => one.index === index).length
      const data: FakeWorkerData = { pulse, start: 'listen', drain: 'exit', ...script(index, start) }
      return { data, transfer: [] }
    },
    onGone: index => gone.push(index),
    onStart (index, atMs) {
      starts.push({ index, atMs })
      watches[index]?.reset(atMs)
    },
    silentMs: (index, nowMs) => watches[index]?.silentMs(nowMs) ?? 0,
    resourceLimits: { maxOldGenerationSizeMb: heapMb },
    execArgv: [],
    drainMs,
    log
  })
  t.teardown(async () => {
    await supervisor.stop()
    await Promise.all(supervisor.threads.map(worker => worker?.terminate()))
  })
  return {
    supervisor,
    starts,
    gone,
    messages,
    order: (index, kind) => supervisor.threads[index]?.postMessage({ kind } satisfies FakeOrder)
  }
}

t.test('the first worker finds the ports and the others listen on the same', async t => {
  const { supervisor, starts } = createRig(t, { workerCount: 3 })
  const addresses = await supervisor.start()
  t.same(addresses.map(({ port }) => port), [41_000, 41_001])
  t.equal(supervisor.aliveCount, 3)
  t.equal(starts[0]?.index, 0)
  t.same((await supervisor.ask()).sort(), [
    { worker: 0, ports: [] }, { worker: 1, ports: [41_000, 41_001] }, { worker: 2, ports: [41_000, 41_001] }
  ])
  t.equal(supervisor.restartCount, 0)
})

t.test('a worker that throws is replaced within a second and on the same ports, the other goes on', async t => {
  const { supervisor, gone, starts, order, messages } = createRig(t)
  await supervisor.start()
  const [first, second] = supervisor.threads
  order(0, 'throw')
  await until('the death', () => gone.length === 1)
  const goneAtMs = performance.now()
  await until('the successor', () => supervisor.aliveCount === 2)
  t.ok((starts.at(-1)?.atMs ?? Infinity) - goneAtMs < 1_000)
  t.same(gone, [0])
  t.equal(supervisor.restartCount, 1)
  t.not(supervisor.threads[0], first)
  t.equal(supervisor.threads[1], second)
  t.ok(messages.some(message => message.startsWith('worker failed')))
  t.same((await supervisor.ask())[0], { worker: 0, ports: [41_000, 41_001] })
})

t.test('a worker that is out of heap is replaced and the process lives', async t => {
  const { supervisor, gone, order } = createRig(t, { heapMb: 24 })
  await supervisor.start()
  order(1, 'heap')
  await until('the death', () => gone.length === 1, 30_000)
  await until('the successor', () => supervisor.aliveCount === 2)
  t.same(gone, [1])
  t.equal(supervisor.restartCount, 1)
})

t.test('a worker that loops for ever does not hold up an answer, and is ended after its silence', async t => {
  const { supervisor, gone, order, messages } = createRig(t)
  await supervisor.start()
  const startMs = performance.now()
  order(0, 'loop')
  const answers = await supervisor.ask()
  t.same(answers, [{ worker: 1, ports: [41_000, 41_001] }])
  t.ok(performance.now() - startMs < 3_000, 'the stuck one was given up')
  await until('the end of the loop', () => gone.length === 1)
  const silentMs = performance.now() - startMs
  t.ok(silentMs > 4_500 && silentMs < 10_000, `${silentMs}`)
  await until('the successor', () => supervisor.aliveCount === 2)
  t.same(gone, [0])
  t.ok(messages.includes('worker is silent, ending it'))
  t.equal((await supervisor.ask()).length, 2)
})

t.test('a worker that dies quickly again and again is started less and less often', async t => {
  const { supervisor, starts, order } = createRig(t, {
    script: (index, start) => index === 1 && start > 0 && start < 4 ? { start: 'listen-and-exit' } : {}
  })
  await supervisor.start()
  order(1, 'throw')
  await until('the fourth start again', () => starts.filter(({ index }) => index === 1).length === 5)
  const times = starts.filter(({ index }) => index === 1).map(({ atMs }) => atMs)
  const waits = times.slice(1).map((atMs, at) => atMs - (times[at] ?? 0))
  t.ok((waits[1] ?? 0) >= 100 && (waits[2] ?? 0) >= 500 && (waits[3] ?? 0) >= 1_000, waits.join())
  await until('the steady one', () => supervisor.aliveCount === 2)
  t.equal(supervisor.restartCount, 4)
})

t.test('a successor that cannot start is tried again', async t => {
  const { supervisor, messages, order } = createRig(t, {
    script: (index, start) => index === 0 && start === 1 ? { start: 'fail' } : {}
  })
  await supervisor.start()
  order(0, 'throw')
  await until('two restarts', () => supervisor.restartCount === 2)
  await until('both alive', () => supervisor.aliveCount === 2)
  t.ok(messages.includes('worker did not start'))
})

t.test('a first start that fails rejects with its code and is not tried again', async t => {
  const { supervisor, starts, gone } = createRig(t, { script: () => ({ start: 'fail' }) })
  await t.rejects(supervisor.start(), { code: 'EADDRINUSE', message: 'the port is in use' })
  await until('the exit', () => gone.length === 1)
  t.equal(await supervisor.stop(), true)
  t.equal(starts.length, 1, 'the second worker was not started')
})

t.test('a worker that ends before it listens rejects the start', async t => {
  const { supervisor } = createRig(t, { script: index => index === 1 ? { start: 'exit' } : {} })
  await t.rejects(supervisor.start(), { message: /worker 1 ended with code 7 before it listened/ })
  t.equal(await supervisor.stop(), true, 'the first one, which had started, is drained')
})

t.test('stopping drains all workers and starts no others', async t => {
  const { supervisor, starts, gone } = createRig(t, { workerCount: 3 })
  await supervisor.start()
  t.equal(await supervisor.stop(), true)
  t.same([...gone].sort(), [0, 1, 2])
  t.equal(supervisor.aliveCount, 0)
  t.equal(starts.length, 3)
  t.same(await supervisor.ask(), [])
})

t.test('stopping calls off a start that was put off', async t => {
  const { supervisor, starts, gone, order } = createRig(t, {
    script: (index, start) => index === 1 && start > 0 ? { start: 'listen-and-exit' } : {}
  })
  await supervisor.start()
  order(1, 'throw')
  await until('the third death, after which one second is waited', () => gone.length === 4)
  const before = starts.length
  t.equal(await supervisor.stop(), true)
  const endMs = performance.now() + 1_500
  await until('the time of the next start', () => performance.now() > endMs)
  t.equal(starts.length, before)
})

t.test('a worker that does not drain is ended and told of', async t => {
  const { supervisor, gone } = createRig(t, { drainMs: 0, script: index => index === 1 ? { drain: 'ignore' } : {} })
  await supervisor.start()
  t.equal(await supervisor.stop(), false)
  t.same([...gone].sort(), [0, 1])
})

t.test('every running worker is sent a port of its own', async t => {
  const { supervisor } = createRig(t)
  await supervisor.start()
  const channels: MessageChannel[] = []
  supervisor.sendPorts(() => {
    const channel = new MessageChannel()
    channels.push(channel)
    return channel.port1
  })
  t.equal(channels.length, 2)
  let closed = 0
  for (const { port2 } of channels) port2.once('close', () => closed++)
  await supervisor.stop()
  await until('the ports closing with their workers', () => closed === 2)
})

// A worker's way into the journal: encodes events into frames, hands groups of them to the thread, settles on answers.

import { receiveMessageOnPort } from 'node:worker_threads'
import type { MessagePort } from 'node:worker_threads'
import type { Log } from '../contract/adapter.ts'
import { refuse } from '../contract/outcome.ts'
import type { Outcome, Refusal, Settler } from '../contract/outcome.ts'
import type { Sink, SinkHealth, SinkRecord } from '../contract/sink.ts'
import type { JournalConfig } from './config.ts'
import { Group, frameBytesOf } from './group.ts'
import { headerBytes } from './layout.ts'
import { openLevels, reasonOf } from './levels.ts'
import type { JournalState, Levels } from './levels.ts'
import type { AnswerMessage, GroupMessage, Hello } from './messages.ts'
import type { GroupResult } from './writer.ts'

/** While the thread syncs one group the next is already there, and the one after that still fills. */
const groupsOutMax = 2
const spareGroupsMax = 4

export interface JournalSink extends Sink {
  readonly ack: 'disk'
  /** Goes on with a new journal thread. What the old one had is settled as unknown, what it did not have as refused. */
  replacePort (port: MessagePort): void
}

export function createJournalSink (
  options: { port: MessagePort, config: JournalConfig, log: Log }
): JournalSink {
  return new PortSink(options)
}

class PortSink implements JournalSink {
  readonly ack = 'disk'
  readonly gauges: ReadonlyMap<string, () => number>
  readonly #config: JournalConfig
  readonly #log: Log
  readonly #frameBytesMax: number
  #port: MessagePort | undefined
  #levels: Levels | undefined
  #syncWord = 0
  #filling = new Group()
  /** Full groups that wait for one of those out to come back. Bounded by `bufferBytesMax`. */
  readonly #waiting: Group[] = []
  /** With the thread, in the order of its answers. */
  readonly #out: Group[] = []
  readonly #spare: Group[] = []
  #bufferBytes = 0
  #turnEndDue = false
  #deadlineTimer: NodeJS.Timeout | undefined
  #deadlineAtMs = 0
  #draining = false
  #drained: (() => void) | undefined

  constructor (options: { port: MessagePort, config: JournalConfig, log: Log }) {
    this.#config = options.config
    this.#log = options.log
    this.#frameBytesMax = Math.min(this.#config.segmentBytesMax - headerBytes, this.#config.bufferBytesMax)
    this.gauges = new Map([
      ['journal_buffer_bytes', () => this.#bufferBytes],
      ['journal_buffer_limit_bytes', () => this.#config.bufferBytesMax],
      ['journal_groups_out', () => this.#out.length]
    ])
    this.replacePort(options.port)
  }

  replacePort (port: MessagePort): void {
    const old = this.#port
    if (old !== undefined) this.#lose(old)
    old?.close()
    const hello = receiveMessageOnPort(port)?.message as Hello | undefined
    if (hello?.kind !== 'hello') throw new Error('journal: the port does not come from the journal thread\'s handle')
    this.#port = port
    this.#levels = openLevels(hello.levels)
    this.#syncWord = hello.syncWord
    port.on('message', (answer: AnswerMessage) => this.#answered(port, answer))
    port.on('close', () => this.#lose(port))
    port.unref()
  }

  deliver (record: SinkRecord, settler: Settler, ticket: number, deadlineMs: number): void {
    const topicBytes = Buffer.byteLength(record.topic)
    const frameBytes = frameBytesOf(record, topicBytes)
    const refusal = this.#admission(frameBytes)
    if (refusal !== undefined) return settler.settle(ticket, refusal)
    if (this.#filling.count > 0 && this.#filling.usedBytes + frameBytes > this.#config.groupBytesMax) {
      this.#waiting.push(this.#filling)
      this.#filling = this.#spare.pop() ?? new Group()
    }
    this.#filling.write(record, topicBytes, frameBytes, this.#syncWord)
    this.#filling.wait(settler, ticket, deadlineMs)
    this.#bufferBytes += frameBytes
    if (deadlineMs > 0 && (this.#deadlineAtMs === 0 || deadlineMs < this.#deadlineAtMs)) this.#watch(deadlineMs)
    if (this.#turnEndDue || this.#out.length >= groupsOutMax) return
    this.#turnEndDue = true
    setImmediate(this.#turnEnd)
  }

  health (): SinkHealth {
    const reason = this.#draining
      ? 'the gateway is stopping'
      : this.#port === undefined || this.#levels === undefined
        ? 'the journal thread is not running'
        : reasonOf(this.#levels, this.#config.dir)
    return { ready: reason === '', reason }
  }

  async drain (timeoutMs: number): Promise<void> {
    this.#draining = true
    this.#handOver()
    if (this.#bufferBytes > 0) {
      let timer: NodeJS.Timeout | undefined
      await new Promise<void>(resolve => {
        this.#drained = resolve
        timer = setTimeout(resolve, timeoutMs)
      })
      clearTimeout(timer)
    }
    clearTimeout(this.#deadlineTimer)
    const port = this.#port
    if (port === undefined) return
    this.#lose(port)
    port.close()
  }

  readonly #turnEnd = (): void => {
    this.#turnEndDue = false
    this.#handOver()
  }

  readonly #deadlinePassed = (): void => {
    this.#deadlineTimer = undefined
    this.#deadlineAtMs = 0
    const nowMs = performance.now()
    let nextMs = 0
    const look = (group: Group, outcome: Outcome): void => {
      const groupNextMs = group.expire(nowMs, outcome)
      if (groupNextMs > 0 && (nextMs === 0 || groupNextMs < nextMs)) nextMs = groupNextMs
    }
    for (const group of this.#out) look(group, lateRefusal)
    for (const group of this.#waiting) look(group, takenBackRefusal)
    look(this.#filling, takenBackRefusal)
    if (nextMs > 0) this.#watch(nextMs)
    this.#handOver()
    this.#tellDrained()
  }

  #admission (frameBytes: number): Refusal | undefined {
    if (this.#draining) return refuse('shutting-down', 'this gateway is stopping; send to another one')
    if (this.#port === undefined) return threadRefusal
    const state = this.#levels?.state() ?? 'closed'
    if (state !== 'open') return refusalOf(state, this.#config.retryMs)
    if (frameBytes > this.#frameBytesMax) {
      return refuse('too-large', `the event needs ${frameBytes} bytes in the journal, which takes ${this.#frameBytesMax}`)
    }
    if (this.#bufferBytes + frameBytes <= this.#config.bufferBytesMax) return undefined
    return refuse('overloaded', 'too many events wait for the journal\'s disk; send again later', { retryAfterMs: 1_000 })
  }

  #handOver (): void {
    const port = this.#port
    while (port !== undefined && this.#out.length < groupsOutMax) {
      const group = this.#waiting.shift() ?? this.#filling
      if (group.usedBytes === 0) return
      if (group === this.#filling) this.#filling = this.#spare.pop() ?? new Group()
      this.#bufferBytes -= group.compact()
      if (group.count === 0) {
        this.#recycle(group, group.memory)
        continue
      }
      if (this.#out.length === 0) port.ref()
      this.#out.push(group)
      const bytes = group.memory.buffer as ArrayBuffer
      port.postMessage({ kind: 'group', bytes, usedBytes: group.usedBytes } satisfies GroupMessage, [bytes])
    }
  }

  #tellDrained (): void {
    if (this.#bufferBytes === 0) this.#drained?.()
  }

  #answered (port: MessagePort, answer: AnswerMessage): void {
    const group = port === this.#port ? this.#out.shift() : undefined
    if (group === undefined) return
    if (this.#out.length === 0) port.unref()
    this.#bufferBytes -= group.usedBytes
    // The next group first: the thread works on it while the tickets of this one are settled.
    this.#handOver()
    this.#settle(group, answer.result)
    this.#recycle(group, Buffer.from(answer.bytes))
    this.#tellDrained()
  }

  #settle (group: Group, result: GroupResult): void {
    if (result.kind === 'written') group.acknowledge(result.segment, result.position)
    else group.refuseAll(result.kind === 'unknown' ? unknownRefusal : refusalOf(result.state, this.#config.retryMs))
  }

  #recycle (group: Group, memory: Buffer): void {
    const memoryBytesMax = Math.max(2 * this.#config.groupBytesMax, Group.memoryBytesMin)
    if (this.#spare.length >= spareGroupsMax || memory.length > memoryBytesMax) return
    group.reset(memory)
    this.#spare.push(group)
  }

  /** The thread is gone: it may have written what it had. */
  #lose (port: MessagePort): void {
    if (port !== this.#port) return
    this.#port = undefined
    if (!this.#draining) this.#log.error({ groupsOut: this.#out.length }, 'the journal thread does not answer any more')
    for (const group of this.#out.splice(0)) {
      this.#bufferBytes -= group.usedBytes
      group.refuseAll(this.#draining ? lateRefusal : unknownRefusal)
    }
    this.#dropUnsent()
    this.#drained?.()
  }

  /** Frames carry the sync word of their thread, so what was not handed over cannot go to another one. */
  #dropUnsent (): void {
    const unsent = [...this.#waiting.splice(0), this.#filling]
    this.#filling = new Group()
    for (const group of unsent) {
      this.#bufferBytes -= group.usedBytes
      group.refuseAll(threadRefusal)
    }
  }

  #watch (deadlineMs: number): void {
    clearTimeout(this.#deadlineTimer)
    this.#deadlineAtMs = deadlineMs
    this.#deadlineTimer = setTimeout(this.#deadlinePassed, Math.max(0, Math.ceil(deadlineMs - performance.now())))
    this.#deadlineTimer.unref()
  }
}

const threadRefusal = refuse('sink-unavailable', 'the journal of this gateway is not running; send the event again later')
const takenBackRefusal = refuse('sink-unavailable', 'the journal\'s disk did not take the event in time; it is not written')
const lateRefusal = refuse('delivery-timeout', 'the journal\'s disk did not confirm the event in time; it may be written')
const unknownRefusal = refuse('internal', 'the journal\'s disk failed while it wrote the event; it may be written')

function refusalOf (state: JournalState, retryAfterMs: number): Refusal {
  switch (state) {
    case 'full': return refuse(
      'journal-full', 'the journal of this gateway is at its byte cap; its operator must empty or enlarge it', { retryAfterMs }
    )
    case 'disk-full': return refuse(
      'journal-full', 'the disk of this gateway\'s journal is full; its operator must make room', { retryAfterMs }
    )
    case 'broken': return refuse(
      'sink-unavailable', 'the disk of this gateway\'s journal fails; its operator must look at it', { retryAfterMs }
    )
    case 'open':
    case 'closed': return threadRefusal
  }
}

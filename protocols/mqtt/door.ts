// What all connections of one MQTT door share: settings, time, sessions, wills, and the turn in which answers leave.

import type { Ingress, Log } from '../../src/contract/adapter.ts'
import type { Peer, Principal } from '../../src/contract/envelope.ts'
import { parseChannel } from '../../src/contract/channel.ts'
import type { Refusal } from '../../src/contract/outcome.ts'
import type { CodecLimits } from './codec/cursor.ts'
import type { MqttConfig } from './config.ts'
import { ConnectQueue } from './connect-queue.ts'
import { HoldOffs } from './hold-offs.ts'
import { Sessions } from './sessions.ts'
import { Wheel } from './wheel.ts'
import { Wills } from './wills.ts'

/** A connection as the door sees it. */
export interface Member {
  /** Undefined until it has proved who it is. */
  readonly principalName: string | undefined
  /** Writes what is to be told, in one piece. */
  flush (): void
  /** The access of its principal has ended. */
  revoke (): void
  /** The gateway stops. */
  drain (): void
  /** The node is short of memory no longer. */
  resume (): void
}

/** Topics of one subscription or another; devices send none. */
const topicFiltersCountMax = 100
/** Channels that are known to be well formed; then all are forgotten. */
const channelsMax = 4_096
/** Answers are gathered here before they leave. Shared by all connections, which take their turn. */
const scratchBytes = 65_536

/** Whoever has not proved who it is. */
const nobody: Principal = { name: '', groups: [], anonymous: true }

/** One per adapter. */
export class Door {
  readonly config: MqttConfig
  readonly ingress: Ingress
  readonly log: Log
  readonly nowMs: () => number
  readonly limits: CodecLimits
  readonly wheel: Wheel
  readonly connectQueue: ConnectQueue
  readonly holdOffs: HoldOffs
  readonly wills: Wills
  readonly sessions: Sessions
  readonly scratch = Buffer.allocUnsafeSlow(scratchBytes)
  readonly members = new Set<Member>()
  /** Events that have no outcome yet. */
  sentCount = 0
  reservedBytes = 0
  /** Of messages that wait before anything was reserved for them. */
  pausedBytes = 0
  /** Of packets that are not complete, what the node has no room for. */
  unpaidBytes = 0
  /** Messages of MQTT 3.1.1 that were refused for good and acknowledged all the same. */
  lostCount = 0
  readonly #channels = new Map<string, string>()
  #dirty: Member[] = []
  #isFlushing = false
  #whenIdle: (() => void)[] = []
  #isWatching = false

  constructor (config: MqttConfig, ingress: Ingress, log: Log) {
    this.config = config
    this.ingress = ingress
    this.log = log
    this.nowMs = () => performance.now()
    this.limits = {
      userPropertiesCountMax: config.userPropertiesMax, topicFiltersCountMax,
      disallowedCharacters: config.disallowedCharacters
    }
    const { nowMs } = this
    this.wheel = new Wheel(nowMs)
    this.connectQueue = new ConnectQueue({
      perSecondMax: config.connectsPerSecondMax, waitingMax: config.connectsWaitingMax, waitMs: config.connectWaitMs,
      nowMs
    })
    this.holdOffs = new HoldOffs(nowMs)
    this.wills = new Wills({ ingress, bytesMax: config.willBytesMax, wheel: this.wheel, nowMs, log })
    this.sessions = new Sessions({
      detachedMax: config.detachedSessionsMax, packetIdsBytesMax: config.packetIdsBytesMax, wheel: this.wheel, nowMs,
      publishWill: held => { this.wills.publish(held) },
      adoptWill: held => { this.wills.adopt(held) },
      dropWill: held => { this.wills.drop(held) }
    })
  }

  /** Begins to hear of what concerns all connections. */
  start (): void {
    if (this.#isWatching) return
    this.#isWatching = true
    this.ingress.watchRevoked(name => {
      for (const one of [...this.members]) if (one.principalName === name) one.revoke()
    })
    this.ingress.pressure.watch(on => { if (!on) for (const one of [...this.members]) one.resume() })
    this.ingress.draining.watch(on => { if (on) this.#stop() })
  }

  #stop (): void {
    this.connectQueue.close()
    this.wills.stop()
    this.sessions.abandonAll()
    for (const one of [...this.members]) one.drain()
  }

  /** Resolves when no connection is left and nothing is in flight. */
  drain (): Promise<void> {
    this.#stop()
    return new Promise(resolve => {
      this.#whenIdle.push(resolve)
      this.look()
    })
  }

  /** Something has ended: tells whoever waits for the last of it. */
  look (): void {
    if (this.members.size > 0 || this.sentCount > 0 || this.wills.flightsCount > 0) return
    for (const resolve of this.#whenIdle) resolve()
    this.#whenIdle = []
  }

  /** Tells the node of what is refused before it is a message. */
  refused (refusal: Refusal, peer: Peer, principal = nobody): void {
    this.ingress.refused(refusal, { channel: '', principal, peer, receivedAtMs: Date.now() })
  }

  /** The channel of a topic. Looking one up is cheaper than reading it. */
  channelOf (topicName: string): string | Refusal {
    const known = this.#channels.get(topicName)
    if (known !== undefined) return known
    const channel = parseChannel(topicName)
    if (typeof channel !== 'string') return channel
    if (this.#channels.size >= channelsMax) this.#channels.clear()
    this.#channels.set(topicName, channel)
    return channel
  }

  /** Lets a connection write at the end of this turn, together with all others that have something to say. */
  flushSoon (member: Member): void {
    this.#dirty.push(member)
    if (this.#isFlushing) return
    this.#isFlushing = true
    setImmediate(() => { this.#flush() })
  }

  #flush (): void {
    const dirty = this.#dirty
    this.#dirty = []
    this.#isFlushing = false
    for (const one of dirty) one.flush()
  }

  /** True where whoever sends more that must wait is told to come later. */
  get isOverdrawn (): boolean { return this.pausedBytes + this.unpaidBytes > 2 * this.config.pausedTotalBytesMax }

  get channelsCount (): number { return this.#channels.size }
}

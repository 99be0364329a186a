// Attackers in one process: keeps so many connections up, replaces those that are dropped, within its share of CPU.

import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import type { Attack } from './attack.ts'
import type { Ending } from './endings.ts'
import { Pace } from './pace.ts'
import { Http2Told, TextTold } from './told.ts'

export interface CrowdOptions {
  readonly attack: Attack
  readonly port: number
  readonly count: number
  /** Of one core. */
  readonly cpuShare: number
  /** How long a place stays empty whose attacker was dropped. */
  readonly againMs: number
}

/** Addresses of attackers: each has ports of its own. */
const addressesCount = 50
const actionsPerLook = 10
const lookEveryMs = 2

interface Attacker {
  readonly socket: Socket
  /** Undefined where what comes is encrypted. */
  readonly told: Http2Told | TextTold | undefined
  sinceMs: number
  isOver: boolean
  /** Parts that it has dripped. */
  partsCount: number
  felt: string
}

export class Crowd {
  readonly endings: Ending[] = []
  readonly pace: Pace
  openedCount = 0
  /** Of these, those that have begun what they are here for. */
  begunCount = 0
  refusedCount = 0
  /** How late this process itself was at most. */
  lagMsMost = 0
  readonly #options: CrowdOptions
  readonly #open = new Set<Attacker>()
  /** When places become free that are empty, soonest first. */
  readonly #places: number[] = []
  readonly #drips: { attacker: Attacker, atMs: number }[] = []
  #isStopped = false

  constructor (options: CrowdOptions) {
    this.#options = options
    this.pace = new Pace(options.cpuShare)
    for (let at = 0; at < options.count; at++) this.#places.push(0)
  }

  get openCount (): number { return this.#open.size }

  /** Those that live longer than this although they are to be dropped. */
  olderThan (ms: number): number {
    const nowMs = performance.now()
    return [...this.#open].filter(({ sinceMs }) => sinceMs > 0 && nowMs - sinceMs > ms).length
  }

  async run (): Promise<void> {
    this.pace.begin()
    while (!this.#isStopped) {
      while (!this.pace.isAbove && this.#act()) { /* until there is nothing to do, or the share is used up */ }
      const pausedMs = performance.now()
      await pause(lookEveryMs)
      this.lagMsMost = Math.max(this.lagMsMost, performance.now() - pausedMs - lookEveryMs)
    }
  }

  stop (): void {
    this.#isStopped = true
    for (const { socket } of this.#open) socket.destroy()
  }

  /** A few actions that are due. False: there are no more. */
  #act (): boolean {
    const nowMs = performance.now()
    for (let count = 0; count < actionsPerLook; count++) {
      const drip = this.#drips[0]
      const place = this.#places[0]
      if (drip !== undefined && drip.atMs <= nowMs) {
        this.#drips.shift()
        this.#drip(drip.attacker, nowMs)
      } else if (place !== undefined && place <= nowMs) {
        this.#places.shift()
        this.#connect()
      } else return false
    }
    return true
  }

  #drip (attacker: Attacker, nowMs: number): void {
    const { drip } = this.#options.attack
    if (attacker.isOver || drip === undefined) return
    const part = drip.parts[attacker.partsCount++ % drip.parts.length]
    if (part !== undefined) attacker.socket.write(part)
    this.#drips.push({ attacker, atMs: nowMs + drip.everyMs })
  }

  #connect (): void {
    const { attack, port } = this.#options
    const address = `127.0.1.${1 + this.openedCount % addressesCount}`
    this.openedCount += 1
    const socket = connect({ port, host: '127.0.0.1', localAddress: address, noDelay: true, allowHalfOpen: true })
    const told = attack.listener === 'grpc' ? new Http2Told() : attack.listener === 'http' ? new TextTold() : undefined
    const attacker: Attacker = { socket, told, sinceMs: 0, isOver: false, partsCount: 0, felt: '' }
    this.#open.add(attacker)
    socket.once('connect', () => {
      attacker.sinceMs = performance.now()
      if (attack.opening.length > 0) socket.write(attack.opening)
      if (attack.deed === undefined) this.#misbehave(attacker)
    })
    socket.on('data', chunk => { this.#heard(attacker, chunk) })
    socket.on('error', error => { attacker.felt = (error as Error & { code?: string }).code ?? error.message })
    socket.once('end', () => {
      attacker.felt ||= 'FIN'
      socket.destroy()
    })
    socket.once('close', () => { this.#end(attacker) })
  }

  #heard (attacker: Attacker, chunk: Buffer): void {
    const { attack } = this.#options
    const isFirst = attack.deed !== undefined && attacker.socket.bytesRead === chunk.length
    attacker.told?.push(chunk)
    if (isFirst) this.#misbehave(attacker)
    const { told } = attacker
    if (attack.isOneCall === true && told instanceof Http2Told && told.call !== '') attacker.socket.destroy()
  }

  #misbehave (attacker: Attacker): void {
    const { deed, drip, finishes, deaf } = this.#options.attack
    const { socket } = attacker
    if (deaf === true) socket.pause()
    attacker.sinceMs = performance.now()
    this.begunCount += 1
    if (deed !== undefined && deed.length > 0) socket.write(deed)
    if (finishes === true) socket.end()
    if (drip !== undefined) this.#drips.push({ attacker, atMs: attacker.sinceMs + drip.everyMs })
  }

  #end (attacker: Attacker): void {
    if (attacker.isOver) return
    attacker.isOver = true
    this.#open.delete(attacker)
    if (this.#isStopped) return
    const nowMs = performance.now()
    this.#places.push(nowMs + this.#options.againMs)
    if (attacker.sinceMs === 0) {
      this.refusedCount += 1
      return
    }
    const { told, felt, sinceMs } = attacker
    const why = [told?.connection ?? '', told instanceof Http2Told ? told.call : ''].find(one => one !== '')

    this.endings.push({ how: why ?? felt, afterMs: nowMs - sinceMs })
  }
}

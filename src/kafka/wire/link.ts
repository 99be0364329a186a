// One connection to one broker: connects, agrees on versions, logs in, matches answers to requests, and ends honestly.

import type { Socket } from 'node:net'
import type {
  BrokerAddress, BrokerLink, ClusterMetadata, LinkListener, OpenLink, ProduceBatch, ProduceListener, ProducerId
} from '../broker-link.ts'
import type { Clock } from '../clock.ts'
import type { KafkaSettings } from '../config.ts'
import { KafkaError } from '../kafka-error.ts'
import { readApiVersions, writeApiVersions } from './api-versions.ts'
import { agreeOn, apis } from './apis.ts'
import type { Api, VersionRange, Versions } from './apis.ts'
import { Conversation } from './conversation.ts'
import type { Question } from './conversation.ts'
import { readInitProducerId, writeInitProducerId } from './init-producer-id.ts'
import { logIn } from './login.ts'
import type { SaslMechanism } from './login.ts'
import { readMetadata, writeMetadata } from './metadata.ts'
import { ProduceRequest } from './produce-request.ts'
import type { ProduceChannel } from './produce-request.ts'
import type { Reader } from './reader.ts'
import {
  readSaslAuthenticate, readSaslHandshake, writeSaslAuthenticate, writeSaslHandshake
} from './sasl-messages.ts'
import { openSocket, wordsOf } from './socket.ts'
import { surface } from './surface.ts'
import type { Writer } from './writer.ts'

/** A login is renewed at a random point of this part of its life (KIP-368), so that not all do it at once. */
const renewalShare = { from: 0.8, to: 0.9 }
/** Timers of the platform go no further; a login that lasts longer is renewed by then. */
const timerMsMax = 2 ** 31 - 1

export interface LinkOptions {
  readonly tls: KafkaSettings['tls']
  readonly sasl: SaslMechanism | undefined
  readonly clientId: string
  /** For the connection, its TLS handshake and the login together; for a renewed login alone, too. */
  readonly connectionTimeoutMs: number
  /** How long one request may go without an answer before the connection counts as dead. */
  readonly requestTimeoutMs: number
  readonly clock: Clock
}

export function createOpenLink (options: LinkOptions): OpenLink {
  return (address, listener) => new Link(address, listener, options)
}

/** A question in words that depend on the version, and about an answer that begins with a throttle time. */
export interface Inquiry<Answer> {
  readonly api: Api
  write (writer: Writer, version: number): void
  read (reader: Reader, version: number): Answer | KafkaError
}

export class Link implements BrokerLink {
  readonly #address: BrokerAddress
  readonly #broker: string
  readonly #listener: LinkListener
  readonly #options: LinkOptions
  readonly #socket: Socket
  readonly #conversation: Conversation
  readonly #produceChannel: ProduceChannel & { version: number }
  #versions: Versions = new Map()
  #isOpen = false
  #ended = false
  /** The broker asked for a pause until then; 0: for none. */
  #throttledUntilMs = 0
  /** The login is being renewed, or is about to be. */
  #renewing = false
  /**
   * Questions that came meanwhile, or in a pause: while a login is under way a broker takes nothing else. As many as
   * are asked at a time. Called with an error, they are told it.
   */
  #postponed: ((error?: Error) => void)[] = []
  #answeredAtOpenCount = 0
  #stopDeadline: () => void
  #stopThrottle: (() => void) | undefined
  #stopRenewal: (() => void) | undefined

  constructor (address: BrokerAddress, listener: LinkListener, options: LinkOptions) {
    this.#address = address
    this.#broker = `${address.host}:${address.port}`
    this.#listener = listener
    this.#options = options
    this.#produceChannel = { version: apis.produce.max, throttle: throttleMs => { this.#throttle(throttleMs) } }
    this.#stopDeadline = this.#deadline('no connection in time')
    const fail = (error: unknown): void => { this.#end(wordsOf(error, this.#broker)) }
    const left = (): void => { this.#end(this.#error(this.#wordsOfClose(), 'ECONNRESET')) }
    this.#socket = openSocket(address, options.tls, () => {
      // A broker that ends its side takes no more requests. Before this point TLS has better words for it.
      this.#socket.on('end', left)
      this.#begin().catch(fail)
    })
    this.#conversation = new Conversation(this.#socket, {
      clock: options.clock, requestTimeoutMs: options.requestTimeoutMs, clientId: options.clientId, failed: fail,
      quiet: () => { this.#renewWhenQuiet() }
    })
    this.#socket.on('drain', () => { this.#tellDrained() })
    this.#socket.on('error', fail)
    this.#socket.on('close', left)
  }

  get open (): boolean { return this.#isOpen }
  get inFlightCount (): number { return this.#conversation.waitingCount }
  get writable (): boolean {
    return this.#isOpen && !this.#pausing && !this.#socket.writableNeedDrain
  }

  get #pausing (): boolean { return this.#renewing || this.#throttledUntilMs !== 0 }

  produce (batches: readonly ProduceBatch[], timeoutMs: number, listener: ProduceListener): void {
    const request = new ProduceRequest(this.#produceChannel, { batches, timeoutMs, listener })
    this.#conversation.send(request, request)
  }

  metadata (topics: readonly string[], told: (answer: ClusterMetadata | Error) => void): void {
    const write = (writer: Writer, version: number): void => { writeMetadata(writer, version, topics) }
    this.ask({ api: apis.metadata, write, read: readMetadata }, told)
  }

  initProducerId (told: (answer: ProducerId | Error) => void): void {
    this.ask({ api: apis.initProducerId, write: writeInitProducerId, read: readInitProducerId }, told)
  }

  ask<Answer> (inquiry: Inquiry<Answer>, told: (answer: Answer | Error) => void): void {
    const { api } = inquiry
    const version = this.#versions.get(api.key) ?? api.max
    const question: Question<Answer> = {
      api, version,
      write: writer => { inquiry.write(writer, version) },
      read: reader => {
        this.#throttle(reader.int32())
        return inquiry.read(reader, version)
      }
    }
    const ask = (error?: Error): void => {
      if (error === undefined) this.#conversation.ask(question, told)
      else told(error)
    }
    if (this.#pausing) this.#postponed.push(ask)
    else ask()
  }

  close (reason: Error): void {
    this.#end(reason)
  }

  /** From the connected socket to the open link. */
  async #begin (): Promise<void> {
    const { sasl } = this.#options
    let offered = await this.#apiVersions(apis.apiVersions.max)
    if (offered === 'again') offered = await this.#apiVersions(0)
    if (offered === 'again') throw this.#error('the broker does not tell its versions')
    const { produce, metadata, initProducerId, saslHandshake, saslAuthenticate } = apis
    const needed = [produce, metadata, initProducerId, ...(sasl === undefined ? [] : [saslHandshake, saslAuthenticate])]
    const versions = agreeOn(offered, needed)
    if (versions instanceof KafkaError) throw versions
    this.#versions = versions
    this.#produceChannel.version = versions.get(apis.produce.key) ?? apis.produce.max
    if (sasl !== undefined) await this.#logIn(sasl)
    if (this.#ended) return
    this.#stopDeadline()
    this.#isOpen = true
    this.#answeredAtOpenCount = this.#conversation.answeredCount
    this.#tell(() => { this.#listener.opened() })
  }

  #apiVersions (version: number): Promise<readonly VersionRange[] | 'again'> {
    return this.#conversation.demand<readonly VersionRange[] | 'again'>({
      api: apis.apiVersions, version,
      write: writer => { writeApiVersions(writer, version) },
      read: reader => {
        const answer = readApiVersions(reader, version)
        if (version > 0 && Array.isArray(answer)) this.#throttle(reader.int32())
        return answer
      }
    })
  }

  async #logIn (sasl: SaslMechanism): Promise<void> {
    const lifetimeMs = await logIn({
      handshake: mechanism => this.#conversation.demand({
        api: apis.saslHandshake, version: apis.saslHandshake.max,
        write: writer => { writeSaslHandshake(writer, mechanism) }, read: readSaslHandshake
      }),
      authenticate: message => this.#conversation.demand({
        api: apis.saslAuthenticate, version: apis.saslAuthenticate.max,
        write: writer => { writeSaslAuthenticate(writer, message) }, read: readSaslAuthenticate
      })
    }, sasl, this.#address)
    if (lifetimeMs <= 0 || this.#ended) return
    const { clock } = this.#options
    const share = renewalShare.from + clock.random() * (renewalShare.to - renewalShare.from)
    this.#stopRenewal = clock.after(Math.min(lifetimeMs * share, timerMsMax), () => {
      this.#renewing = true
      this.#renewWhenQuiet()
    })
  }

  /** The login is renewed on the same connection, when every request before it was answered. */
  #renewWhenQuiet (): void {
    const { sasl } = this.#options
    const isDue = this.#renewing && this.#stopRenewal !== undefined && this.#throttledUntilMs === 0
    if (!isDue || sasl === undefined || this.#ended || this.inFlightCount > 0) return
    this.#stopRenewal = undefined
    this.#stopDeadline = this.#deadline('no login in time')
    this.#logIn(sasl).then(() => {
      this.#stopDeadline()
      this.#renewing = false
      this.#resume()
    }, (error: unknown) => { this.#end(wordsOf(error, this.#broker)) })
  }

  #deadline (message: string): () => void {
    const { clock, connectionTimeoutMs } = this.#options
    return clock.after(connectionTimeoutMs, () => { this.#end(this.#error(message, 'ETIMEDOUT')) })
  }

  /** KIP-219: the broker has answered, and wants nothing more for a while. */
  #throttle (throttleMs: number): void {
    if (throttleMs <= 0 || this.#ended) return
    const { clock } = this.#options
    const untilMs = clock.nowMs() + throttleMs
    if (untilMs <= this.#throttledUntilMs) return
    this.#throttledUntilMs = untilMs
    this.#stopThrottle?.()
    this.#stopThrottle = clock.after(throttleMs, () => {
      this.#throttledUntilMs = 0
      this.#resume()
    })
  }

  /** A pause is over. */
  #resume (): void {
    this.#renewWhenQuiet()
    if (this.#pausing || this.#ended) return
    for (const ask of this.#postponed.splice(0)) ask()
    this.#tellDrained()
  }

  #tellDrained (): void {
    if (this.writable) this.#tell(() => { this.#listener.drained() })
  }

  /** A listener that throws has a bug of its own; this link goes on, and ends, as if it had not. */
  #tell (tell: () => void): void {
    try {
      tell()
    } catch (error) {
      surface(error)
    }
  }

  #end (error: Error): void {
    if (this.#ended) return
    this.#ended = true
    this.#isOpen = false
    this.#stopDeadline()
    this.#stopThrottle?.()
    this.#stopRenewal?.()
    this.#socket.destroy()
    this.#conversation.end(error)
    for (const ask of this.#postponed.splice(0)) this.#tell(() => { ask(error) })
    this.#tell(() => { this.#listener.closed(error) })
  }

  /** Brokers do not say why they close a connection; these are the likely reasons at its two first moments. */
  #wordsOfClose (): string {
    const { tls, sasl } = this.#options
    const { answeredCount, waitingCount } = this.#conversation
    const words = 'the broker closed the connection'
    if (answeredCount === 0 && tls === undefined) return `${words} before it said anything; its port may want TLS`
    const isFirst = this.#isOpen && answeredCount === this.#answeredAtOpenCount && waitingCount > 0
    return isFirst && sasl === undefined ? `${words} at the first request; its port may want a login` : words
  }

  #error (message: string, code = ''): KafkaError {
    return new KafkaError(message, { code, broker: this.#broker })
  }
}

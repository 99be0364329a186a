// One MQTT 5 connection of sluice send: publishes, and tells of each message in words of an answer what came back.

import { readFileSync } from 'node:fs'
import type { IClientPublishOptions, IPublishPacket, MqttClient, Packet } from 'mqtt'
import { textAt } from '../config/lookup.ts'
import { refusals, retryable } from '../contract/outcome.ts'
import type { RefusalCode } from '../contract/outcome.ts'

export interface MqttTarget {
  /** mqtt: or mqtts: */
  readonly url: string
  /** The password. Absent: nothing is shown. */
  readonly key: string | undefined
  readonly userName: string | undefined
  readonly caFile: string | undefined
  /** How long to wait for CONNACK, and for each acknowledgement. */
  readonly timeoutMs: number
  readonly qos: 0 | 1 | 2
}

export interface MqttMessage {
  readonly channel: string
  readonly data: string
  readonly contentType: string
  /** Attributes of a CloudEvent, which travel as user properties. */
  readonly context: Readonly<Record<string, string>> | undefined
}

/** What became of a message, in the words of the answers over HTTP as far as MQTT has them. */
export type MqttAnswer = Readonly<Record<string, unknown>>

/** More are not under way at once, whatever the gateway allows. */
const inFlightMax = 100

/** MQTT 5: what explains a reason code stands beside it. `cmd` is the kind of the packet. */
interface Explained {
  readonly cmd: string
  readonly reasonCode?: number
  readonly properties?: Explanation
}

interface Explanation {
  readonly reasonString?: string
  readonly receiveMaximum?: number
  readonly userProperties?: object
}

const hex = (code: number | undefined): string => `0x${(code ?? 0).toString(16).padStart(2, '0')}`

function isCode (code: string | undefined): code is RefusalCode {
  return code !== undefined && Object.hasOwn(refusals, code)
}

/** A refusal by CONNACK, PUBACK or PUBREC. */
function refusedBy ({ cmd, reasonCode, properties }: Explained): MqttAnswer {
  const code = textAt(properties?.userProperties, 'code')
  const answered = `${cmd.toUpperCase()} ${hex(reasonCode)}`
  return {
    outcome: 'refused', ...(code === undefined ? {} : { code }), detail: properties?.reasonString ?? `the answer is ${answered}`,
    retryable: isCode(code) && retryable(code), reasonCode
  }
}

export class MqttPublisher {
  readonly #target: MqttTarget
  readonly #client: MqttClient
  /** Tell the messages that have no answer yet that none will come. */
  readonly #waiting = new Set<(why: string) => void>()
  #connack: Explained | undefined
  #goodbye: Explained | undefined
  #isGone = false

  private constructor (target: MqttTarget, client: MqttClient) {
    this.#target = target
    this.#client = client
    client.on('packetreceive', (packet: Packet) => {
      if (packet.cmd === 'connack') this.#connack = packet as Explained
      if (packet.cmd === 'disconnect') this.#goodbye = packet as Explained
    })
    client.on('error', () => { /* the connection closes, which is heard */ })
    client.on('close', () => { this.#end(this.#goodbyeText()) })
  }

  /** Gives a refusal where the gateway says no. Rejects with what the network said. */
  static async connect (target: MqttTarget): Promise<MqttPublisher | MqttAnswer> {
    const { url, key, userName, caFile, timeoutMs } = target
    // A library that few verbs need.
    const { default: mqtt } = await import('mqtt')
    const client = mqtt.connect(url, {
      protocolVersion: 5, reconnectPeriod: 0, connectTimeout: timeoutMs, clean: true,
      ...(key === undefined ? {} : { password: key, username: userName ?? '' }),
      ...(caFile === undefined ? {} : { ca: readFileSync(caFile) })
    })
    const publisher = new MqttPublisher(target, client)
    try {
      await new Promise((resolve, reject) => {
        client.once('connect', resolve)
        client.once('error', reject)
        client.once('close', () => { reject(new Error('the connection was closed without an answer')) })
      })
      return publisher
    } catch (error) {
      publisher.#isGone = true
      client.end(true)
      const connack = publisher.#connack
      if (connack !== undefined && (connack.reasonCode ?? 0) > 0) return refusedBy(connack)
      throw error
    }
  }

  /** Nothing can be published any more. */
  get isGone (): boolean { return this.#isGone }

  /** So many messages may be without an answer at once. */
  get windowCount (): number { return Math.min(this.#connack?.properties?.receiveMaximum ?? inFlightMax, inFlightMax) }

  /** Resolves with the answer, or with `unknown` where none came. */
  publish ({ channel, data, contentType, context }: MqttMessage): Promise<MqttAnswer> {
    const { qos, timeoutMs } = this.#target
    const properties: IPublishPacket['properties'] = {
      contentType, ...(context === undefined ? {} : { userProperties: { ...context } })
    }
    const options: IClientPublishOptions = { qos, properties }
    const about = { channel, qos, ...(context?.id === undefined ? {} : { id: context.id }) }
    return new Promise(resolve => {
      const settle = (answer: MqttAnswer): void => {
        clearTimeout(timer)
        this.#waiting.delete(noAnswer)
        resolve({ ...about, ...answer })
      }
      const noAnswer = (detail: string): void => { settle({ outcome: 'unknown', detail, retryable: true }) }
      const timer = setTimeout(() => { this.#end(this.#silenceText()) }, timeoutMs)
      this.#waiting.add(noAnswer)
      this.#client.publish(channel, data, options, (error, packet) => {
        const answer = packet as Explained | undefined
        if (error !== undefined && error !== null) {
          if ((answer?.reasonCode ?? 0) >= 0x80 && answer !== undefined) settle(refusedBy(answer))
          else noAnswer(error.message)
        } else if (qos === 0) settle({ outcome: 'sent' })
        else settle({ outcome: 'acknowledged', reasonCode: answer?.reasonCode ?? 0 })
      })
    })
  }

  /** Resolves when the gateway has all that was sent. */
  async close (): Promise<void> {
    if (this.#isGone) return
    this.#isGone = true
    const timer = setTimeout(() => { this.#client.end(true) }, this.#target.timeoutMs)
    await this.#client.endAsync()
    clearTimeout(timer)
  }

  /** A window that has not moved is not known to have room: nothing more is sent. */
  #end (why: string): void {
    for (const noAnswer of this.#waiting) noAnswer(why)
    if (this.#isGone) return
    this.#isGone = true
    this.#client.end(true)
  }

  #silenceText (): string {
    return `no acknowledgement within ${this.#target.timeoutMs / 1_000} s; a gateway withholds it while what hinders it may ` +
      'pass: its log tells what that is'
  }

  #goodbyeText (): string {
    const goodbye = this.#goodbye
    if (goodbye === undefined) return 'the connection ended without an answer'
    const reason = goodbye.properties?.reasonString
    return `the connection ended: DISCONNECT ${hex(goodbye.reasonCode)}${reason === undefined ? '' : `, ${reason}`}`
  }
}

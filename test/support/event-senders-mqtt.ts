// Sends the events of the corpus over MQTT: both modes of CloudEvents in version 5, and JSON in 3.1.1.

import { connect } from 'node:net'
import { noProperties } from '../../protocols/mqtt/codec/properties.ts'
import type { UserProperty } from '../../protocols/mqtt/codec/properties.ts'
import type { PublishPacket } from '../../protocols/mqtt/codec/packet.ts'
import { besideOf, channelOf, contextPairs, eventJson, lackOf } from './event-senders.ts'
import type { EventSender } from './event-senders.ts'
import type { SampleEvent } from './event-corpus.ts'
import { connectPacket, MqttClient, publishPacket } from './mqtt-client.ts'

const structuredType = 'application/cloudevents+json'

function propertiesOf (
  userProperties: readonly UserProperty[], contentType: string | undefined
): PublishPacket['properties'] {
  if (userProperties.length === 0 && contentType === undefined) return noProperties
  return { ...noProperties, ...(contentType === undefined ? {} : { contentType }), userProperties: [...userProperties] }
}

/** One PUBLISH after the other on one connection, each when the one before it is acknowledged. */
function sendEach (version: 4 | 5, partsOf: (sample: SampleEvent) => Partial<PublishPacket>): EventSender['send'] {
  return async (samples, place) => {
    const client = new MqttClient(connect(place.ports[2] ?? 0, '127.0.0.1'), version)
    try {
      client.say(connectPacket({ version }))
      await client.next('CONNACK')
      for (const [at, sample] of samples.entries()) {
        client.say(publishPacket({ topicName: channelOf(sample, place), packetId: at + 1, ...partsOf(sample) }))
        const { reasonCode, properties } = await client.next('PUBACK', at + 1)
        if (reasonCode >= 0x80) throw new Error(`${sample.title}: ${reasonCode} ${JSON.stringify(properties)}`)
      }
    } finally {
      client.close()
    }
  }
}

const noBytes = Buffer.alloc(0)

export const mqttSenders: readonly EventSender[] = [
  {
    name: 'mqtt-binary',
    lack: sample =>
      lackOf.emptyIsNone(sample) ?? lackOf.noTypes(sample) ?? lackOf.noKeys(sample) ?? lackOf.oneTrace(sample) ??
      lackOf.otherNames(sample),
    send: sendEach(5, sample => {
      const { context, contentType, data } = sample
      const pairs = [...(context === undefined ? [] : contextPairs(context)), ...besideOf(sample)]
      return { properties: propertiesOf(pairs, contentType), payload: data ?? noBytes }
    })
  },
  {
    name: 'mqtt-structured',
    lack: lackOf.cloudEventsOnly,
    send: sendEach(5, sample => ({
      properties: propertiesOf(besideOf(sample), structuredType), payload: eventJson(sample)
    }))
  },
  {
    name: 'mqtt-311',
    lack: sample => lackOf.cloudEventsOnly(sample) ?? lackOf.nothingBeside(sample),
    send: sendEach(4, sample => ({ payload: eventJson(sample) }))
  }
]

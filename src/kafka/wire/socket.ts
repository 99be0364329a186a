// The socket under a link, plain or TLS, and the words for what goes wrong with it.

import net from 'node:net'
import type { Socket } from 'node:net'
import tls from 'node:tls'
import type { BrokerAddress } from '../broker-link.ts'
import type { KafkaSettings } from '../config.ts'
import { KafkaError } from '../kafka-error.ts'
import { tlsOptions } from '../tls.ts'

const keepAliveMs = 60_000

/** Begins to connect; `connected` is told when bytes may be sent. Whatever fails is an `error` event, later. */
export function openSocket (
  address: BrokerAddress, settings: KafkaSettings['tls'], connected: () => void
): Socket {
  try {
    return connect(address, settings, connected)
  } catch (error) {
    // A file that cannot be read, or a port that a broker made up: the listener is attached after this call.
    const broken = new net.Socket()
    process.nextTick(() => broken.destroy(error as Error))
    return broken
  }
}

function connect ({ host, port }: BrokerAddress, settings: KafkaSettings['tls'], connected: () => void): Socket {
  if (settings === undefined) {
    return net.connect({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveMs }, connected)
  }
  const socket = tls.connect({ host, port, ...tlsOptions(settings, host) }, connected)
  return socket.setNoDelay(true).setKeepAlive(true, keepAliveMs)
}

/** A failure of the system or of TLS in the form that `classify.ts` reads; those of Kafka get the broker's name. */
export function wordsOf (error: unknown, broker: string): KafkaError {
  if (error instanceof KafkaError) {
    return error.broker === '' ? new KafkaError(error.message, { type: error.type, code: error.code, broker }) : error
  }
  if (!(error instanceof Error)) return new KafkaError(String(error), { broker })
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  return new KafkaError(messageOf(error), { code, broker })
}

/** A name with several addresses fails with an error for each of them, and no words of its own. */
function messageOf (error: Error): string {
  if (error.message !== '' || !(error instanceof AggregateError)) return error.message
  return error.errors.map(one => one instanceof Error ? one.message : String(one)).join('; ')
}

// The SASL mechanism that `kafka.sasl` asks for.

import type { KafkaSettings } from '../config.ts'
import type { SaslMechanism } from '../wire/login.ts'
import { plain } from './plain.ts'
import { scram } from './scram.ts'

export function createSaslMechanism (settings: KafkaSettings['sasl']): SaslMechanism | undefined {
  if (settings === undefined) return undefined
  const { username, password } = settings
  switch (settings.mechanism) {
    case 'plain': return plain(username, password)
    case 'scram-sha-256': return scram('SCRAM-SHA-256', { username, password })
    case 'scram-sha-512': return scram('SCRAM-SHA-512', { username, password })
  }
}

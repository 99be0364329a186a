// Rules over the settings of the login at Kafka: where a token comes from, whose credentials are used, by which driver.

import type { Check } from './load.ts'
import { recordAt, textAt } from './lookup.ts'
import { quote } from './mistake.ts'
import type { CheckMistake } from './mistake.ts'

const path = ['kafka', 'sasl'] as const
const together = ['tokenUrl', 'clientId', 'clientSecret'] as const
const eitherOr = 'token, or tokenUrl with clientId and clientSecret'

export const tokenHasOneOrigin: Check = (document) => {
  const sasl = recordAt(document, ...path)
  if (sasl.mechanism !== 'oauthbearer') return []
  const [given] = [...together, 'scope'].filter((key) => Object.hasOwn(sasl, key))
  if (Object.hasOwn(sasl, 'token')) {
    return given === undefined ? [] : [{
      path: [...path, 'token'], problem: `a token beside ${given}: only one of them can be used`, expected: eitherOr
    }]
  }
  if (given === undefined) return [{ path, problem: 'nothing tells where the token comes from', expected: eitherOr }]
  return together.filter((key) => !Object.hasOwn(sasl, key)).map((key): CheckMistake => ({
    path: [...path, key], problem: `missing, and ${given} is there`, expected: 'tokenUrl, clientId and clientSecret together'
  }))
}

export const awsCredentialsAreOne: Check = (document) => {
  const sasl = recordAt(document, ...path)
  if (!Object.hasOwn(sasl, 'roleArn') || !Object.hasOwn(sasl, 'profile')) return []
  return [{
    path: [...path, 'roleArn'], problem: 'a role beside a profile: only one of them can be used',
    expected: 'one of them; a profile can name the role itself, as its role_arn'
  }]
}

/** What the fallback driver can do beside what the schema lets any driver be asked for. */
export const driverKnowsTheMechanism: Check = (document) => {
  const mechanism = textAt(document, ...path, 'mechanism')
  if (textAt(document, 'kafka', 'driver') !== 'kafkajs') return []
  if (mechanism !== 'oauthbearer' && mechanism !== 'aws-msk-iam') return []
  return [{
    path: [...path, 'mechanism'], problem: `${quote(mechanism)}, which the driver kafkajs does not know`,
    expected: '"plain", "scram-sha-256" or "scram-sha-512", or "driver: native"'
  }]
}

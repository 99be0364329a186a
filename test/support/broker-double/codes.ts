// The error codes of Kafka's protocol that the broker double gives by itself.

export const codes = {
  none: 0,
  corruptMessage: 2,
  unknownTopicOrPartition: 3,
  leaderNotAvailable: 5,
  notLeaderOrFollower: 6,
  messageTooLarge: 10,
  coordinatorNotAvailable: 15,
  invalidRequiredAcks: 21,
  unsupportedVersion: 35,
  outOfOrderSequence: 45,
  invalidProducerEpoch: 47,
  invalidTransactionState: 48,
  transactionalIdDenied: 53,
  unsupportedCompression: 76,
  invalidRecord: 87,
  unknownTopicId: 100,
  offsetOutOfRange: 1
} as const

/**
 * Codes of AWS's `ClusterIssue` in words (`ClusterIssueCode` of @aws-sdk/client-eks 3.1162.0).
 */
const issues: Readonly<Record<string, string>> = {
  AccessDenied: "AWS may not do what it has to in the account",
  ClusterUnreachable: "AWS does not reach the control plane",
  ConfigurationConflict: "settings contradict each other",
  Ec2SecurityGroupNotFound: "the security group of the cluster does not exist",
  Ec2ServiceNotSubscribed: "the account is not subscribed to EC2",
  Ec2SubnetNotFound: "a subnet of the cluster does not exist",
  IamRoleNotFound: "the IAM role of the cluster does not exist",
  InsufficientFreeAddresses: "a subnet of the cluster has no free addresses",
  KmsKeyDisabled: "the key that encrypts Secrets is disabled",
  KmsKeyMarkedForDeletion: "the key that encrypts Secrets is marked for deletion",
  KmsKeyNotFound: "the key that encrypts Secrets does not exist",
  ResourceLimitExceeded: "a limit of the account is reached",
  ResourceNotFound: "a resource that the cluster needs does not exist",
  StsRegionalEndpointDisabled: "the region's STS endpoint is disabled",
  UnsupportedVersion: "the version is not supported any more",
  VpcNotFound: "the VPC of the cluster does not exist",
};

/** The code in words; undefined for one that is not known. */
export function eksIssueInWords(code: string): string | undefined {
  return Object.hasOwn(issues, code) ? issues[code] : undefined;
}

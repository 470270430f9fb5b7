/**
 * What LlmProxyCompute takes from outside, made from nothing, for accounts that don't have it: VPC,
 * Aurora PostgreSQL, Redis, secrets and parameters. Outputs bear the names of LlmProxyCompute's parameters.
 */
import {
  BootstraplessSynthesizer,
  CfnOutput,
  RemovalPolicy,
  SecretValue,
  Stack,
  aws_ec2 as ec2,
  aws_elasticache as elasticache,
  aws_rds as rds,
  aws_secretsmanager as sm,
  aws_ssm as ssm,
} from 'aws-cdk-lib';
import { Construct } from 'constructs';

export class LlmProxyFoundationStack extends Stack {
  private readonly vpc: ec2.Vpc;

  constructor(scope: Construct, id: string) {
    super(scope, id, { synthesizer: new BootstraplessSynthesizer(), description: 'VPC and data stores for llm-proxy' });
    this.vpc = new ec2.Vpc(this, 'Vpc', { maxAzs: 2, natGateways: 1, restrictDefaultSecurityGroup: false });
    this.output('VpcId', this.vpc.vpcId);
    this.vpc.privateSubnets.forEach((subnet, index) => this.output(`PrivateSubnet${'AB'[index]}`, subnet.subnetId));
    this.database();
    this.redis();
    const token = new sm.Secret(this, 'ManagementToken', {
      generateSecretString: { excludePunctuation: true, passwordLength: 48 },
    });
    this.output('ManagementTokenSecretArn', token.secretArn);
    this.parameter('log-level', 'info');
    this.parameter('db-driver', 'postgres');
  }

  /** Aurora PostgreSQL, serverless, down to nothing when nobody asks. */
  private database(): void {
    const cluster = new rds.DatabaseCluster(this, 'Database', {
      engine: rds.DatabaseClusterEngine.auroraPostgres({ version: rds.AuroraPostgresEngineVersion.VER_17_9 }),
      // No punctuation: the password becomes part of a URL.
      credentials: rds.Credentials.fromGeneratedSecret('proxy', { excludeCharacters: '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~ ' }),
      defaultDatabaseName: 'llm_proxy',
      writer: rds.ClusterInstance.serverlessV2('Writer'),
      serverlessV2MinCapacity: 0,
      serverlessV2MaxCapacity: 2,
      storageEncrypted: true,
      vpc: this.vpc,
      removalPolicy: RemovalPolicy.SNAPSHOT,
    });
    const password = cluster.secret!.secretValueFromJson('password').unsafeUnwrap();
    const url = `postgres://proxy:${password}@${cluster.clusterEndpoint.socketAddress}/llm_proxy?sslmode=require`;
    this.output('DatabaseUrlSecretArn', this.secret('DatabaseUrl', url).secretArn);
    this.output('DatabaseSecurityGroupId', cluster.connections.securityGroups[0]!.securityGroupId);
  }

  /** Redis with TLS for those who ask for it: the application's event bus speaks plain TCP, its cache TLS. */
  private redis(): void {
    const group = new ec2.SecurityGroup(this, 'RedisSecurityGroup', { vpc: this.vpc, description: 'Redis of llm-proxy' });
    const subnets = new elasticache.CfnSubnetGroup(this, 'RedisSubnets', {
      description: 'Redis of llm-proxy',
      subnetIds: this.vpc.privateSubnets.map((subnet) => subnet.subnetId),
    });
    const redis = new elasticache.CfnReplicationGroup(this, 'Redis', {
      replicationGroupDescription: 'Event bus and cache of llm-proxy',
      engine: 'redis',
      engineVersion: '7.1',
      cacheNodeType: 'cache.t4g.micro',
      numCacheClusters: 1,
      automaticFailoverEnabled: false,
      atRestEncryptionEnabled: true,
      transitEncryptionEnabled: true,
      transitEncryptionMode: 'preferred',
      cacheSubnetGroupName: subnets.ref,
      securityGroupIds: [group.securityGroupId],
    });
    const address = `${redis.attrPrimaryEndPointAddress}:${redis.attrPrimaryEndPointPort}`;
    this.parameter('redis-addr', address);
    this.output('RedisUrlSecretArn', this.secret('RedisUrl', `rediss://${address}`).secretArn);
    this.output('RedisSecurityGroupId', group.securityGroupId);
  }

  /** The value holds references only: CloudFormation resolves them, no template shows a password. */
  private secret(id: string, value: string): sm.Secret {
    return new sm.Secret(this, id, { secretStringValue: SecretValue.unsafePlainText(value) });
  }

  private parameter(name: string, stringValue: string): void {
    new ssm.StringParameter(this, name, { parameterName: `/llm-proxy/${name}`, stringValue });
  }

  private output(id: string, value: string): void {
    new CfnOutput(this, id, { value });
  }
}

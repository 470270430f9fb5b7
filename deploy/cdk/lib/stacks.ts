/** The app's two stacks. What is in the account already comes in as CloudFormation parameters. */
import {
  BootstraplessSynthesizer,
  CfnOutput,
  CfnParameter,
  Fn,
  Stack,
  Validations,
  aws_certificatemanager as acm,
  aws_ec2 as ec2,
  aws_ecr as ecr,
  aws_secretsmanager as sm,
} from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { LlmProxyCompute } from './llm-proxy-compute.ts';
import type { LlmProxyComputeProps } from './props.ts';
import { LlmProxyRepositories } from './repositories.ts';

/** No assets, so neither stack needs a bootstrapped account. */
const synthesizer = () => new BootstraplessSynthesizer();

/** Comes first: services start only when there are images. */
export class LlmProxyRepositoriesStack extends Stack {
  constructor(scope: Construct, id: string) {
    super(scope, id, { synthesizer: synthesizer(), description: 'ECR repositories of llm-proxy and llm-proxy-init' });
    const { init, proxy } = new LlmProxyRepositories(this, 'Repositories');
    new CfnOutput(this, 'InitRepositoryUri', { value: init.repositoryUri });
    new CfnOutput(this, 'ProxyRepositoryUri', { value: proxy.repositoryUri });
  }
}

/** What `cdk deploy -c KEY=VALUE` may choose. */
export type Choices = Partial<
  Pick<
    LlmProxyComputeProps,
    | 'proxyMinTasks'
    | 'proxyMaxTasks'
    | 'proxyCpu'
    | 'proxyMemory'
    | 'proxyRequestsPerTarget'
    | 'useArm64'
    | 'enableContainerInsights'
    | 'enableEcsExec'
    | 'publicLoadBalancer'
  >
> & { readonly certificateArn?: string };

/** LlmProxyCompute in a VPC that exists. */
export class LlmProxyComputeStack extends Stack {
  constructor(scope: Construct, id: string, { certificateArn, ...choices }: Choices = {}) {
    super(scope, id, { synthesizer: synthesizer(), description: 'llm-proxy on ECS Fargate' });
    Validations.of(this).acknowledge({
      id: 'CloudFormation-Validate::W2509',
      reason: 'The parameters hold ARNs of secrets, not secrets',
    });
    const compute = new LlmProxyCompute(this, 'LlmProxy', {
      ...choices,
      ...(certificateArn && { certificate: acm.Certificate.fromCertificateArn(this, 'Certificate', certificateArn) }),
      vpc: this.vpc(choices.publicLoadBalancer ?? false),
      secrets: {
        managementToken: this.secret('ManagementToken', 'the management token'),
        databaseUrl: this.secret('DatabaseUrl', 'postgres://…'),
        redisUrl: this.secret('RedisUrl', 'rediss://…'),
      },
      database: { securityGroup: this.group('DatabaseSecurityGroupId', 'Security group of PostgreSQL') },
      redis: { securityGroup: this.group('RedisSecurityGroupId', 'Security group of Redis') },
      repositories: {
        init: ecr.Repository.fromRepositoryName(this, 'InitRepository', 'llm-proxy-init'),
        proxy: ecr.Repository.fromRepositoryName(this, 'ProxyRepository', 'llm-proxy'),
      },
      initTag: this.parameter('InitTag', 'String', 'Tag of the image llm-proxy-init'),
      proxyTag: this.parameter('ProxyTag', 'String', 'Tag of the image llm-proxy'),
    });
    new CfnOutput(this, 'LoadBalancerDnsName', { value: compute.loadBalancer.loadBalancerDnsName });
    new CfnOutput(this, 'ClusterName', { value: compute.cluster.ref });
    new CfnOutput(this, 'ProxyServiceName', { value: compute.proxyService.attrName });
    new CfnOutput(this, 'DispatcherServiceName', { value: compute.dispatcherService.attrName });
    new CfnOutput(this, 'LockTableName', { value: compute.lockTable.tableName });
  }

  private parameter(id: string, type: string, description: string): string {
    return new CfnParameter(this, id, { type, description }).valueAsString;
  }

  /** Two subnets of each kind in two zones, which is what a load balancer asks for. */
  private vpc(withPublicSubnets: boolean): ec2.IVpc {
    const subnets = (kind: string, use: string) =>
      ['A', 'B'].map((zone) => this.parameter(`${kind}Subnet${zone}`, 'AWS::EC2::Subnet::Id', `Subnet for ${use}`));
    return ec2.Vpc.fromVpcAttributes(this, 'Vpc', {
      vpcId: this.parameter('VpcId', 'AWS::EC2::VPC::Id', 'The VPC'),
      availabilityZones: [0, 1].map((zone) => Fn.select(zone, Fn.getAzs())),
      privateSubnetIds: subnets('Private', 'the tasks: with a way out (NAT gateway or VPC endpoints)'),
      ...(withPublicSubnets && { publicSubnetIds: subnets('Public', 'the public load balancer') }),
    });
  }

  private secret(name: string, content: string): sm.ISecret {
    const arn = new CfnParameter(this, `${name}SecretArn`, {
      description: `Whole ARN of the secret with ${content}`,
      allowedPattern: 'arn:aws[a-z-]*:secretsmanager:.+:secret:.+-[A-Za-z0-9]{6}',
    });
    return sm.Secret.fromSecretCompleteArn(this, `${name}Secret`, arn.valueAsString);
  }

  private group(id: string, description: string): ec2.ISecurityGroup {
    const group = this.parameter(id, 'AWS::EC2::SecurityGroup::Id', description);
    return ec2.SecurityGroup.fromSecurityGroupId(this, id.replace(/Id$/, ''), group);
  }
}

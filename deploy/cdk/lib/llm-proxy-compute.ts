/**
 * llm-proxy on ECS Fargate: cluster, tasks, services, scaling, load balancer, and the lock table of
 * the init container. The task definitions and policies are those of the files beside this folder.
 */
import {
  CfnResource,
  Duration,
  RemovalPolicy,
  aws_applicationautoscaling as scaling,
  aws_dynamodb as dynamodb,
  aws_ec2 as ec2,
  aws_ecs as ecs,
  aws_elasticloadbalancingv2 as elb,
  aws_iam as iam,
  aws_logs as logs,
} from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { assertFargateSize } from './fargate-size.ts';
import { load, type Replacements } from './files.ts';
import type { LlmProxyComputeProps } from './props.ts';
import { LlmProxyRepositories, type Repositories } from './repositories.ts';

const API_PORT = 8080;
/**
 * Health is not asked for while the init container may be waiting for the lock (300 s) and then for a
 * database that wakes (60 s), and the proxy starts.
 */
const GRACE_SECONDS = 420;

export class LlmProxyCompute extends Construct {
  readonly cluster: ecs.CfnCluster;
  readonly lockTable: dynamodb.Table;
  readonly repositories: Repositories;
  readonly loadBalancer: elb.ApplicationLoadBalancer;
  readonly proxyService: ecs.CfnService;
  readonly dispatcherService: ecs.CfnService;
  /** Of all tasks. */
  readonly securityGroup: ec2.SecurityGroup;

  private readonly ecsExec: boolean;
  private readonly capacity: ecs.CfnClusterCapacityProviderAssociations;
  private readonly replacements: Replacements;

  constructor(scope: Construct, id: string, private readonly props: LlmProxyComputeProps) {
    super(scope, id);
    this.ecsExec = props.enableEcsExec ?? true;
    this.repositories = props.repositories ?? new LlmProxyRepositories(this, 'Repositories');
    this.cluster = this.makeCluster();
    this.capacity = this.makeCapacity();
    this.lockTable = this.makeLockTable();
    const logGroup = new logs.LogGroup(this, 'Logs', {
      retention: logs.RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.replacements = this.makeReplacements(logGroup);
    this.securityGroup = this.makeSecurityGroup();
    const executionRole = this.role('ExecutionRole', 'ECS', ['execution-role']);

    this.loadBalancer = this.makeLoadBalancer();
    const targets = this.makeTargets();
    const listener = this.makeListener(targets);
    const proxyRole = this.role('ProxyTaskRole', 'llm-proxy and its init container', [
      'task-role',
      ...(props.configKey ? ['task-role-customer-key'] : []),
      ...(this.ecsExec ? ['ecs-exec'] : []),
    ]);
    this.proxyService = this.service('Proxy', this.taskDefinition('proxy', proxyRole, executionRole), {
      loadBalancers: [{ containerName: 'llm-proxy', containerPort: API_PORT, targetGroupArn: targets.targetGroupArn }],
      healthCheckGracePeriodSeconds: GRACE_SECONDS,
    });
    this.proxyService.node.addDependency(listener);
    this.scale(targets);

    const dispatcherRole = this.role('DispatcherTaskRole', 'the dispatcher', this.ecsExec ? ['ecs-exec'] : []);
    this.dispatcherService = this.service(
      'Dispatcher',
      this.taskDefinition('dispatcher', dispatcherRole, executionRole),
      { desiredCount: 1 },
    );
  }

  private makeCluster(): ecs.CfnCluster {
    const insights = this.props.enableContainerInsights ? 'enabled' : 'disabled';
    return new ecs.CfnCluster(this, 'Cluster', {
      clusterSettings: [{ name: 'containerInsights', value: insights }],
      ...(this.ecsExec && { configuration: { executeCommandConfiguration: { logging: 'DEFAULT' } } }),
    });
  }

  private makeCapacity(): ecs.CfnClusterCapacityProviderAssociations {
    return new ecs.CfnClusterCapacityProviderAssociations(this, 'Capacity', {
      cluster: this.cluster.ref,
      capacityProviders: ['FARGATE', 'FARGATE_SPOT'],
      defaultCapacityProviderStrategy: [{ capacityProvider: 'FARGATE', base: 1, weight: 1 }],
    });
  }

  private makeLockTable(): dynamodb.Table {
    return new dynamodb.Table(this, 'LockTable', {
      partitionKey: { name: 'lock_id', type: dynamodb.AttributeType.STRING },
      billingMode: dynamodb.BillingMode.PAY_PER_REQUEST,
      timeToLiveAttribute: 'expires_at',
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: false },
      // It holds locks that are taken, for seconds; nothing in it is worth keeping.
      removalPolicy: RemovalPolicy.DESTROY,
    });
  }

  private makeReplacements(logGroup: logs.LogGroup): Replacements {
    const { secrets, parameters: names = {}, configKey, initTag, proxyTag } = this.props;
    const { init, proxy } = this.repositories;
    return {
      'arn:aws:dynamodb:<REGION>:<ACCOUNT_ID>:table/llm-proxy-locks': this.lockTable.tableArn,
      'llm-proxy-locks': this.lockTable.tableName,
      '<ACCOUNT_ID>.dkr.ecr.<REGION>.amazonaws.com/llm-proxy-init:<INIT_TAG>': init.repositoryUriForTag(initTag),
      '<ACCOUNT_ID>.dkr.ecr.<REGION>.amazonaws.com/llm-proxy:<PROXY_TAG>': proxy.repositoryUriForTag(proxyTag),
      '"arn:aws:ecr:<REGION>:<ACCOUNT_ID>:repository/llm-proxy-init"': `"${init.repositoryArn}"`,
      '"arn:aws:ecr:<REGION>:<ACCOUNT_ID>:repository/llm-proxy"': `"${proxy.repositoryArn}"`,
      'arn:aws:logs:<REGION>:<ACCOUNT_ID>:log-group:/ecs/llm-proxy:*': logGroup.logGroupArn,
      '/ecs/llm-proxy': logGroup.logGroupName,
      '<MANAGEMENT_TOKEN_SECRET_ARN>': secrets.managementToken.secretArn,
      '<DATABASE_URL_SECRET_ARN>': secrets.databaseUrl.secretArn,
      '<REDIS_URL_SECRET_ARN>': secrets.redisUrl.secretArn,
      '/llm-proxy/api-providers': names.apiProviders ?? '/llm-proxy/api-providers',
      '/llm-proxy/log-level': names.logLevel ?? '/llm-proxy/log-level',
      '/llm-proxy/db-driver': names.dbDriver ?? '/llm-proxy/db-driver',
      '/llm-proxy/redis-addr': names.redisAddr ?? '/llm-proxy/redis-addr',
      ...(configKey && { '<CONFIG_KEY_ARN>': configKey.keyArn }),
    };
  }

  /** Of the tasks: they may go anywhere, and database and Redis let them in. */
  private makeSecurityGroup(): ec2.SecurityGroup {
    const { vpc, database, redis } = this.props;
    const tasks = new ec2.SecurityGroup(this, 'SecurityGroup', { vpc, description: 'llm-proxy tasks' });
    database.securityGroup.addIngressRule(tasks, ec2.Port.tcp(database.port ?? 5432), 'llm-proxy tasks');
    redis.securityGroup.addIngressRule(tasks, ec2.Port.tcp(redis.port ?? 6379), 'llm-proxy tasks');
    return tasks;
  }

  private role(id: string, user: string, policies: string[]): iam.CfnRole {
    return new iam.CfnRole(this, id, {
      description: `For ${user}`,
      assumeRolePolicyDocument: load('iam/trust.json', this.replacements),
      policies: policies.map((policyName) => ({
        policyName,
        policyDocument: load(`iam/${policyName}.json`, this.replacements),
      })),
    });
  }

  private taskDefinition(name: 'proxy' | 'dispatcher', task: iam.CfnRole, execution: iam.CfnRole): ecs.CfnTaskDefinition {
    const definition = load(`task-definitions/${name}.json`, {
      ...this.replacements,
      'arn:aws:iam::<ACCOUNT_ID>:role/llm-proxy-task': task.attrArn,
      'arn:aws:iam::<ACCOUNT_ID>:role/llm-proxy-dispatcher-task': task.attrArn,
      'arn:aws:iam::<ACCOUNT_ID>:role/llm-proxy-execution': execution.attrArn,
    });
    if (!(this.props.useArm64 ?? true)) definition.runtimePlatform.cpuArchitecture = 'X86_64';
    if (name === 'proxy') {
      const { proxyCpu = Number(definition.cpu), proxyMemory = Number(definition.memory) } = this.props;
      assertFargateSize(proxyCpu, proxyMemory);
      Object.assign(definition, { cpu: `${proxyCpu}`, memory: `${proxyMemory}` });
    }
    return new ecs.CfnTaskDefinition(this, `${name === 'proxy' ? 'Proxy' : 'Dispatcher'}Task`, definition);
  }

  private makeLoadBalancer(): elb.ApplicationLoadBalancer {
    const { vpc, certificate, publicLoadBalancer = false } = this.props;
    if (publicLoadBalancer && !certificate) {
      throw new Error('publicLoadBalancer needs a certificate: tokens and prompts would cross the internet in the clear');
    }
    return new elb.ApplicationLoadBalancer(this, 'LoadBalancer', {
      vpc,
      internetFacing: publicLoadBalancer,
      // Models think for longer than the default of 60 s.
      idleTimeout: Duration.minutes(5),
      dropInvalidHeaderFields: true,
    });
  }

  private makeTargets(): elb.ApplicationTargetGroup {
    this.securityGroup.connections.allowFrom(this.loadBalancer, ec2.Port.tcp(API_PORT), 'from the load balancer');
    return new elb.ApplicationTargetGroup(this, 'Targets', {
      vpc: this.props.vpc,
      targetType: elb.TargetType.IP,
      protocol: elb.ApplicationProtocol.HTTP,
      port: API_PORT,
      // As long as the proxy's stopTimeout: open streams may end.
      deregistrationDelay: Duration.minutes(2),
      healthCheck: {
        path: '/health',
        interval: Duration.seconds(15),
        timeout: Duration.seconds(5),
        healthyThresholdCount: 2,
        unhealthyThresholdCount: 3,
      },
    });
  }

  private makeListener(targets: elb.ApplicationTargetGroup): elb.ApplicationListener {
    const { certificate } = this.props;
    return this.loadBalancer.addListener('Listener', {
      defaultTargetGroups: [targets],
      ...(certificate
        ? { protocol: elb.ApplicationProtocol.HTTPS, certificates: [certificate], sslPolicy: elb.SslPolicy.RECOMMENDED_TLS }
        : { protocol: elb.ApplicationProtocol.HTTP }),
    });
  }

  private service(id: string, task: ecs.CfnTaskDefinition, own: Partial<ecs.CfnServiceProps>): ecs.CfnService {
    const { vpc } = this.props;
    const service = new ecs.CfnService(this, `${id}Service`, {
      cluster: this.cluster.ref,
      taskDefinition: task.ref,
      networkConfiguration: {
        awsvpcConfiguration: {
          subnets: vpc.selectSubnets({ subnetType: ec2.SubnetType.PRIVATE_WITH_EGRESS }).subnetIds,
          securityGroups: [this.securityGroup.securityGroupId],
          assignPublicIp: 'DISABLED',
        },
      },
      deploymentConfiguration: {
        deploymentCircuitBreaker: { enable: true, rollback: true },
        minimumHealthyPercent: 100,
        maximumPercent: 200,
      },
      availabilityZoneRebalancing: 'ENABLED',
      enableExecuteCommand: this.ecsExec,
      enableEcsManagedTags: true,
      propagateTags: 'SERVICE',
      ...own,
    });
    service.addResourceDependency(this.capacity);
    return service;
  }

  private scale(targets: elb.ApplicationTargetGroup): void {
    const { proxyMinTasks = 1, proxyMaxTasks = 4, proxyRequestsPerTarget = 1000 } = this.props;
    if (proxyMinTasks > proxyMaxTasks) throw new Error(`proxyMinTasks ${proxyMinTasks} > proxyMaxTasks ${proxyMaxTasks}`);
    const target = new scaling.CfnScalableTarget(this, 'Scaling', {
      serviceNamespace: 'ecs',
      scalableDimension: 'ecs:service:DesiredCount',
      resourceId: `service/${this.cluster.ref}/${this.proxyService.attrName}`,
      minCapacity: proxyMinTasks,
      maxCapacity: proxyMaxTasks,
    });
    this.track(target, 'ScaleByCpu', 70, { predefinedMetricType: 'ECSServiceAverageCPUUtilization' });
    this.track(target, 'ScaleByRequests', proxyRequestsPerTarget, {
      predefinedMetricType: 'ALBRequestCountPerTarget',
      resourceLabel: `${this.loadBalancer.loadBalancerFullName}/${targets.targetGroupFullName}`,
    });
  }

  private track(
    target: scaling.CfnScalableTarget,
    id: string,
    targetValue: number,
    metric: scaling.CfnScalingPolicy.PredefinedMetricSpecificationProperty,
  ): CfnResource {
    return new scaling.CfnScalingPolicy(this, id, {
      policyName: id,
      policyType: 'TargetTrackingScaling',
      scalingTargetId: target.ref,
      targetTrackingScalingPolicyConfiguration: {
        targetValue,
        predefinedMetricSpecification: metric,
        scaleOutCooldown: Duration.minutes(2).toSeconds(),
        scaleInCooldown: Duration.minutes(10).toSeconds(),
      },
    });
  }
}

/** What the synthesised template must hold, by the feature request's own words. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { App, Stack, aws_certificatemanager as acm, aws_ec2 as ec2, aws_kms as kms, aws_secretsmanager as sm } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { load } from '../lib/files.ts';
import { LlmProxyCompute } from '../lib/llm-proxy-compute.ts';
import type { LlmProxyComputeProps } from '../lib/props.ts';

type Overrides = Partial<LlmProxyComputeProps> & { readonly customerKey?: boolean; readonly withCertificate?: boolean };

function synthesise({ customerKey, withCertificate, ...overrides }: Overrides = {}): Template {
  const stack = new Stack(new App(), 'Test', { env: { region: 'eu-west-1', account: '111122223333' } });
  const vpc = new ec2.Vpc(stack, 'Vpc');
  const secret = (name: string) => new sm.Secret(stack, name);
  new LlmProxyCompute(stack, 'LlmProxy', {
    vpc,
    secrets: { managementToken: secret('Token'), databaseUrl: secret('DatabaseUrl'), redisUrl: secret('RedisUrl') },
    database: { securityGroup: new ec2.SecurityGroup(stack, 'Database', { vpc }) },
    redis: { securityGroup: new ec2.SecurityGroup(stack, 'Redis', { vpc }), port: 6380 },
    initTag: '0.1.0',
    proxyTag: '1.2.3',
    ...(customerKey && { configKey: new kms.Key(stack, 'ConfigKey') }),
    ...(withCertificate && { certificate: acm.Certificate.fromCertificateArn(stack, 'Certificate', 'arn:aws:acm:eu-west-1:111122223333:certificate/1') }),
    ...overrides,
  });
  return Template.fromStack(stack);
}

/** The one resource of a type whose properties match. */
function properties(template: Template, type: string, matching: object = {}): any {
  const found = Object.values(template.findResources(type, { Properties: Match.objectLike(matching) }));
  assert.equal(found.length, 1, `${type} like ${JSON.stringify(matching)}: ${found.length} found`);
  return found[0]!.Properties;
}

const task = (template: Template, family: string) => properties(template, 'AWS::ECS::TaskDefinition', { Family: family });
const proxyService = { LoadBalancers: Match.anyValue() };
const dispatcherService = { LoadBalancers: Match.absent() };

/** Policy actions of the role with that description. */
function actions(template: Template, description: string): string[] {
  const role = properties(template, 'AWS::IAM::Role', { Description: description });
  return (role.Policies ?? []).flatMap((policy: any) => policy.PolicyDocument.Statement.flatMap((each: any) => each.Action));
}

/** Keys of an object and of all objects in it, as paths, with the first letters made small. */
function shape(value: unknown, path = ''): string[] {
  if (Array.isArray(value)) return value.flatMap((member, index) => shape(member, `${path}[${index}]`));
  if (typeof value !== 'object' || value === null) return [path];
  const keys = Object.keys(value);
  if (keys.length === 1 && /^(Ref|Fn::.*)$/.test(keys[0]!)) return [path];
  return Object.entries(value).flatMap(([key, member]) => shape(member, `${path}.${key[0]!.toLowerCase()}${key.slice(1)}`));
}

describe('with the defaults', () => {
  const template = synthesise();

  test('the cluster has both Fargate capacity providers, no Container Insights, and ECS Exec', () => {
    const cluster = properties(template, 'AWS::ECS::Cluster');
    assert.deepEqual(cluster.ClusterSettings, [{ Name: 'containerInsights', Value: 'disabled' }]);
    assert.deepEqual(cluster.Configuration, { ExecuteCommandConfiguration: { Logging: 'DEFAULT' } });
    const capacity = properties(template, 'AWS::ECS::ClusterCapacityProviderAssociations');
    assert.deepEqual(capacity.CapacityProviders, ['FARGATE', 'FARGATE_SPOT']);
    assert.deepEqual(capacity.DefaultCapacityProviderStrategy, [{ CapacityProvider: 'FARGATE', Base: 1, Weight: 1 }]);
    for (const service of [proxyService, dispatcherService]) {
      assert.equal(properties(template, 'AWS::ECS::Service', service).EnableExecuteCommand, true);
    }
  });

  test('the lock table is on demand, forgets by expires_at, has no backups and goes with the stack', () => {
    template.hasResource('AWS::DynamoDB::Table', {
      DeletionPolicy: 'Delete',
      UpdateReplacePolicy: 'Delete',
      Properties: {
        BillingMode: 'PAY_PER_REQUEST',
        KeySchema: [{ AttributeName: 'lock_id', KeyType: 'HASH' }],
        TimeToLiveSpecification: { AttributeName: 'expires_at', Enabled: true },
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: false },
      },
    });
  });

  test('the repositories scan, keep their tags and outlive the stack', () => {
    for (const name of ['llm-proxy-init', 'llm-proxy']) {
      template.hasResource('AWS::ECR::Repository', {
        DeletionPolicy: 'Retain',
        Properties: { RepositoryName: name, ImageTagMutability: 'IMMUTABLE', ImageScanningConfiguration: { ScanOnPush: true } },
      });
    }
  });

  test('nothing of the task definitions is lost on the way', () => {
    // Placeholders need something in their places; what, does not matter to the shape.
    const names = ['INIT_TAG', 'PROXY_TAG', 'MANAGEMENT_TOKEN_SECRET_ARN', 'DATABASE_URL_SECRET_ARN', 'REDIS_URL_SECRET_ARN'];
    const anything = Object.fromEntries(names.map((name) => [`<${name}>`, 'x']));
    for (const [file, family] of [['proxy', 'llm-proxy'], ['dispatcher', 'llm-proxy-dispatcher']] as const) {
      const source = load(`task-definitions/${file}.json`, anything);
      assert.deepEqual(shape(task(template, family)).sort(), shape(source).sort());
    }
  });

  test('the proxy starts after the init container has succeeded, on ARM64 with 256 and 512', () => {
    const proxy = task(template, 'llm-proxy');
    assert.deepEqual([proxy.Cpu, proxy.Memory, proxy.RuntimePlatform.CpuArchitecture], ['256', '512', 'ARM64']);
    const [init, main] = proxy.ContainerDefinitions;
    assert.equal(init.Essential, false);
    assert.deepEqual(main.DependsOn, [{ ContainerName: 'llm-proxy-init', Condition: 'SUCCESS' }]);
  });

  test('one proxy to begin with, left to scaling afterwards; one dispatcher', () => {
    // Without DesiredCount CloudFormation starts one and no update of the stack takes tasks away.
    assert.equal('DesiredCount' in properties(template, 'AWS::ECS::Service', proxyService), false);
    assert.equal(properties(template, 'AWS::ECS::Service', dispatcherService).DesiredCount, 1);
  });

  test('the proxy scales from 1 to 4 by CPU and by requests, out after 2 and in after 10 minutes', () => {
    const target = properties(template, 'AWS::ApplicationAutoScaling::ScalableTarget');
    assert.deepEqual([target.MinCapacity, target.MaxCapacity], [1, 4]);
    template.resourceCountIs('AWS::ApplicationAutoScaling::ScalingPolicy', 2);
    for (const [metric, value] of [['ECSServiceAverageCPUUtilization', 70], ['ALBRequestCountPerTarget', 1000]] as const) {
      template.hasResourceProperties('AWS::ApplicationAutoScaling::ScalingPolicy', {
        TargetTrackingScalingPolicyConfiguration: {
          PredefinedMetricSpecification: { PredefinedMetricType: metric },
          TargetValue: value,
          ScaleOutCooldown: 120,
          ScaleInCooldown: 600,
        },
      });
    }
  });

  test('health is asked of /health, after the longest wait of the init container', () => {
    const targets = properties(template, 'AWS::ElasticLoadBalancingV2::TargetGroup');
    assert.deepEqual([targets.HealthCheckPath, targets.Port, targets.TargetType], ['/health', 8080, 'ip']);
    const service = properties(template, 'AWS::ECS::Service', proxyService);
    const longest = 300 + 60; // MAX_WAIT and DB_CONNECT_TIMEOUT
    assert.ok(service.HealthCheckGracePeriodSeconds > longest);
  });

  test('a deployment that fails goes back by itself', () => {
    for (const service of [proxyService, dispatcherService]) {
      const { DeploymentConfiguration: how } = properties(template, 'AWS::ECS::Service', service);
      assert.deepEqual(how.DeploymentCircuitBreaker, { Enable: true, Rollback: true });
      assert.deepEqual([how.MinimumHealthyPercent, how.MaximumPercent], [100, 200]);
    }
  });

  test('database and Redis let the tasks in, and only the load balancer reaches the tasks', () => {
    for (const port of [5432, 6380, 8080]) {
      const rule = properties(template, 'AWS::EC2::SecurityGroupIngress', { FromPort: port });
      assert.deepEqual([rule.ToPort, rule.IpProtocol], [port, 'tcp']);
      assert.ok(rule.SourceSecurityGroupId);
    }
    template.resourceCountIs('AWS::EC2::SecurityGroupIngress', 3);
    assert.equal(properties(template, 'AWS::ElasticLoadBalancingV2::LoadBalancer').Scheme, 'internal');
  });

  test('each role may do what its file says', () => {
    const exec = ['CreateControlChannel', 'CreateDataChannel', 'OpenControlChannel', 'OpenDataChannel'].map((each) => `ssmmessages:${each}`);
    assert.deepEqual(actions(template, 'For llm-proxy and its init container'), [
      'dynamodb:PutItem',
      'dynamodb:DeleteItem',
      'ssm:GetParameter',
      ...exec,
    ]);
    assert.deepEqual(actions(template, 'For the dispatcher'), exec);
    assert.ok(!actions(template, 'For ECS').includes('kms:Decrypt'));
  });

  test('the lock of the task role is the table of the stack, and its one item', () => {
    const role = properties(template, 'AWS::IAM::Role', { Description: 'For llm-proxy and its init container' });
    const [lock] = role.Policies[0].PolicyDocument.Statement;
    const [table] = Object.keys(template.findResources('AWS::DynamoDB::Table'));
    assert.deepEqual(lock.Resource, { 'Fn::GetAtt': [table, 'Arn'] });
    assert.deepEqual(lock.Condition, { 'ForAllValues:StringEquals': { 'dynamodb:LeadingKeys': ['init'] } });
  });
});

describe('with other choices', () => {
  test('X86_64, Container Insights, sizes and numbers of tasks', () => {
    const template = synthesise({
      useArm64: false,
      enableContainerInsights: true,
      proxyCpu: 1024,
      proxyMemory: 2048,
      proxyMinTasks: 2,
      proxyMaxTasks: 8,
    });
    const proxy = task(template, 'llm-proxy');
    assert.deepEqual([proxy.Cpu, proxy.Memory, proxy.RuntimePlatform.CpuArchitecture], ['1024', '2048', 'X86_64']);
    assert.equal(task(template, 'llm-proxy-dispatcher').RuntimePlatform.CpuArchitecture, 'X86_64');
    assert.equal(properties(template, 'AWS::ECS::Cluster').ClusterSettings[0].Value, 'enabled');
    const target = properties(template, 'AWS::ApplicationAutoScaling::ScalableTarget');
    assert.deepEqual([target.MinCapacity, target.MaxCapacity], [2, 8]);
  });

  test('without ECS Exec nobody has its rights', () => {
    const template = synthesise({ enableEcsExec: false });
    assert.deepEqual(actions(template, 'For the dispatcher'), []);
    assert.ok(!actions(template, 'For llm-proxy and its init container').some((each) => each.startsWith('ssmmessages')));
    assert.equal(properties(template, 'AWS::ECS::Service', proxyService).EnableExecuteCommand, false);
    assert.equal('Configuration' in properties(template, 'AWS::ECS::Cluster'), false);
  });

  test('a customer key may be used through SSM for the one parameter', () => {
    const role = properties(synthesise({ customerKey: true }), 'AWS::IAM::Role', {
      Description: 'For llm-proxy and its init container',
    });
    const [statement] = role.Policies.find((each: any) => each.PolicyName === 'task-role-customer-key').PolicyDocument.Statement;
    assert.deepEqual(statement.Action, ['kms:Decrypt']);
    const service = { 'Fn::Join': ['', ['ssm.', { Ref: 'AWS::Region' }, '.amazonaws.com']] };
    assert.deepEqual(statement.Condition.StringEquals['kms:ViaService'], service);
  });

  test('other parameters are the init container\'s, the task role\'s and the execution role\'s', () => {
    const template = synthesise({ parameters: { apiProviders: '/other/providers', logLevel: '/other/level' } });
    const [init] = task(template, 'llm-proxy').ContainerDefinitions;
    assert.ok(init.Environment.some((each: any) => each.Name === 'CONFIG_PARAMETER' && each.Value === '/other/providers'));
    const roles = JSON.stringify(template.findResources('AWS::IAM::Role'));
    assert.match(roles, /parameter\/other\/providers/);
    assert.match(roles, /parameter\/other\/level/);
    assert.doesNotMatch(roles, /llm-proxy\/(api-providers|log-level)/);
  });

  test('HTTPS with a certificate, and only then public', () => {
    const listener = properties(synthesise({ withCertificate: true, publicLoadBalancer: true }), 'AWS::ElasticLoadBalancingV2::Listener');
    assert.deepEqual([listener.Protocol, listener.Port], ['HTTPS', 443]);
    assert.throws(() => synthesise({ publicLoadBalancer: true }), /needs a certificate/);
  });

  test('sizes that Fargate does not have are refused', () => {
    assert.throws(() => synthesise({ proxyCpu: 300 }), /proxyCpu 300: Fargate has 256, 512, 1024/);
    assert.throws(() => synthesise({ proxyMemory: 4096 }), /proxyMemory 4096: with 256 CPU units Fargate has 512, 1024, 2048/);
    assert.throws(() => synthesise({ proxyMinTasks: 5 }), /proxyMinTasks 5 > proxyMaxTasks 4/);
  });
});

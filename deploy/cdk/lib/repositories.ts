/** The two ECR repositories. They outlive the services: images must be there before a service starts. */
import { RemovalPolicy, aws_ecr as ecr } from 'aws-cdk-lib';
import { Construct } from 'constructs';

/** What a compute layer pulls from. */
export interface Repositories {
  /** The init container's image. */
  readonly init: ecr.IRepository;
  /** The application's image. */
  readonly proxy: ecr.IRepository;
}

/** Repositories `llm-proxy-init` and `llm-proxy`; kept when the stack goes. */
export class LlmProxyRepositories extends Construct implements Repositories {
  readonly init = this.repository('Init', 'llm-proxy-init');
  readonly proxy = this.repository('Proxy', 'llm-proxy');

  private repository(id: string, repositoryName: string): ecr.Repository {
    return new ecr.Repository(this, id, {
      repositoryName,
      imageScanOnPush: true,
      // A tag that moves would change running services at their next task start.
      imageTagMutability: ecr.TagMutability.IMMUTABLE,
      lifecycleRules: [{ description: 'Keep the last 30 images', maxImageCount: 30 }],
      removalPolicy: RemovalPolicy.RETAIN,
    });
  }
}

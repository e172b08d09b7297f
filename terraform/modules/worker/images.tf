# The repositories of the two images.

locals {
  repository_names = { for image in ["worker", "build"] : image => "${var.context.name}/${image}" }
}

resource "aws_ecr_repository" "image" {
  for_each = local.repository_names

  name = each.value
  # A tag, like a digest, always names the same image.
  image_tag_mutability = "IMMUTABLE"
  # The images are reproducible from the sources.
  force_delete = true

  # Without a key of its own the repository is encrypted by ECR's. A change replaces the repository and its images.
  dynamic "encryption_configuration" {
    for_each = var.organization.kms_key_arn == null ? [] : [var.organization.kms_key_arn]
    content {
      encryption_type = "KMS"
      kms_key         = encryption_configuration.value
    }
  }

  image_scanning_configuration {
    scan_on_push = true
  }
}

# ECR does not know which digest runs, and after a rollback it is an old one. bin/deploy_image tags each image that it
# pushes, and an image with a tag never expires. Without a tag are the remains of interrupted pushes.
resource "aws_ecr_lifecycle_policy" "image" {
  for_each = local.repository_names

  repository = aws_ecr_repository.image[each.key].name
  policy = jsonencode({
    rules = [{
      rulePriority = 1
      description  = "Removes images without a tag after 14 days."
      selection    = { tagStatus = "untagged", countType = "sinceImagePushed", countUnit = "days", countNumber = 14 }
      action       = { type = "expire" }
    }]
  })
}

# CodeBuild pulls the build image itself, so the builds' roles need no pull permissions.
resource "aws_ecr_repository_policy" "build" {
  repository = aws_ecr_repository.image["build"].name
  policy     = data.aws_iam_policy_document.image_pull.json
}

data "aws_iam_policy_document" "image_pull" {
  statement {
    sid     = "PullByBuildProjects"
    actions = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    principals {
      type        = "Service"
      identifiers = ["codebuild.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [var.context.account_id]
    }
    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = values(var.build_project_arns)
    }
  }
}

{#- What is read of a post, as the feed contract of post_metrics_daily names it. -#}
{% macro post_figures() %}
{{ return([
    'impressions', 'reach', 'likes', 'comments', 'shares', 'saves', 'clicks', 'follows',
    'video_views',
]) }}
{% endmacro %}

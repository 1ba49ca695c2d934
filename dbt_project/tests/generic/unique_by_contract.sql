{#- One row per key of the feed's contract and system. -#}
{% test unique_by_contract(model, feed) %}
{%- if execute %}
{%- set key = ['system'] + feed_contract(*feed.split('.')).config.meta['key'] %}

select {{ key | join(', ') }}
from {{ model }}
group by {{ key | join(', ') }}
having count(*) > 1
{%- endif %}
{% endtest %}
